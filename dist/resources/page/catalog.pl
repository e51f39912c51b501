#!/usr/bin/perl
# Tells the page what is there: repositories, and when each tag was pushed, which the registry itself tells nobody.
# Arguments: a socket to listen on, the registry's folder of repositories, and whose that is. Needs perl-base only.
# With images elsewhere, it is unix: and the registry's socket instead of the folder, and there are no times.
#
# nginx is the only one who can connect. It has checked the password, and says in a header what the user may see: patterns as
# `access` has them. Nothing that fits none of them is told, whatever is asked for.
use strict;
use warnings;
use POSIX ();
use Socket;

my ($path, $root, $uid, $gid) = @ARGV;

my ($registry) = $root =~ /\Aunix:(.*)/s;

my $part = qr/[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?/;
my $name = qr/$part(?:\/$part)*/;
# Tags by which clients find signatures and the like: they belong to an image.
my $companion = qr/\Asha256-[0-9a-f]{64}(?:\.\w+)?\z/;

# Tags that are looked at for a list of repositories: beyond it, it says of a repository only that it is there.
my $most = 20_000;

sub fits {
    my ($repository, @patterns) = @_;
    for my $pattern (@patterns) {
        my $regex = join '', map { $_ eq '**' ? '.*' : $_ eq '*' ? '[^/]*' : quotemeta } split /(\*\*|\*)/, $pattern;
        return 1 if $repository =~ /\A$regex\z/;
    }
    return 0;
}

sub entries {
    my ($folder) = @_;
    opendir my $handle, $folder or return;
    return grep { !/\A\.\.?\z/ } readdir $handle;
}

# Each push writes the link of its tag anew, also one of the same image.
sub pushed {
    my ($repository, $tag) = @_;
    return (lstat "$root/$repository/_manifests/tags/$tag/current/link")[9];
}

# A link could lead anywhere.
sub is_repository {
    my ($repository) = @_;
    my $folder = $root;
    for my $each (split(m{/}, $repository), '_manifests') {
        $folder .= "/$each";
        return 0 if -l $folder or not -d _;
    }
    return 1;
}

sub tags {
    my ($repository) = @_;
    return grep { /\A\w[\w.-]{0,127}\z/ } entries("$root/$repository/_manifests/tags");
}

# All names of a list that the registry has, whatever its pages are; nothing if it does not know what is asked for. With
# `catalog.maxentries` it may refuse to give so many at once: without a number it gives as many as it likes.
sub listed {
    my ($list) = @_;
    my @found;
    my $next = "$list?n=1000";
    while (defined $next) {
        socket(my $server, AF_UNIX, SOCK_STREAM, 0) or die $!;
        connect($server, pack_sockaddr_un($registry)) or die "$registry: $!\n";
        syswrite $server, "GET $next HTTP/1.0\r\nHost: registry\r\n\r\n" or die $!;
        my $answer = do { local $/; <$server> };
        my ($head, $body) = split /\r\n\r\n/, defined $answer ? $answer : '', 2;
        return if defined $head and $head =~ m{\AHTTP/1\.[01] 404 };
        if (defined $head and $head =~ m{\AHTTP/1\.[01] 400 } and $next eq "$list?n=1000") {
            $next = $list;
            next;
        }
        die "the registry does not answer\n" unless defined $body and $head =~ m{\AHTTP/1\.[01] 200 };
        push @found, $1 =~ /"([\w.\/-]+)"/g if $body =~ /\[([^\]]*)\]/;
        ($next) = $head =~ m{^Link: <(?:https?://[^/>]*)?(/v2/[^>\s]+)>}mi;
    }
    return \@found;
}

sub listed_repositories {
    my (@patterns) = @_;
    my @found = grep { fits($_, @patterns) } @{ listed('/v2/_catalog') || [] };
    return '{"repositories":[' . join(',', map { "[\"$_\"]" } @found) . ']}';
}

sub listed_tags {
    my ($repository) = @_;
    my $found = listed("/v2/$repository/tags/list") or return (404, '{}');
    return (200, '{"tags":[' . join(',', map { "[\"$_\"]" } @$found) . ']}');
}

sub repositories {
    my (@patterns) = @_;
    my ($left, @found) = ($most);
    my @folders = reverse sort grep { /\A$part\z/ } entries($root);
    while (defined(my $repository = pop @folders)) {
        next if length $repository > 255 or -l "$root/$repository";
        push @folders, map { "$repository/$_" } reverse sort grep { /\A$part\z/ } entries("$root/$repository");
        next unless fits($repository, @patterns) and -d "$root/$repository/_manifests";
        my @tags = grep { !/$companion/ } tags($repository);
        $left -= @tags;
        my $last = 0;
        if ($left >= 0) {
            for my $tag (@tags) {
                my $time = pushed($repository, $tag) || 0;
                $last = $time if $time > $last;
            }
        }
        push @found, sprintf '["%s",%d,%d]', $repository, scalar @tags, $last;
    }
    return '{"repositories":[' . join(',', @found) . ']}';
}

sub tag_times {
    my ($repository) = @_;
    my @found;
    for my $tag (tags($repository)) {
        my $time = pushed($repository, $tag);
        # One that is being deleted, or not yet written.
        push @found, "[\"$tag\",$time]" if defined $time;
    }
    return '{"tags":[' . join(',', @found) . ']}';
}

# Only what is below the folder of repositories: a name has no part that leads out of it.
sub answer {
    my ($line, @patterns) = @_;
    return (405, '{}') unless $line =~ m{\AGET /page/(\S*) HTTP/1\.[01]\z};
    my $asked = $1;
    return (200, $registry ? listed_repositories(@patterns) : repositories(@patterns)) if $asked eq 'repositories';
    if ($asked =~ m{\Atags/($name)\z} and length $1 <= 255) {
        my $repository = $1;
        return (403, '{}') unless fits($repository, @patterns);
        return listed_tags($repository) if $registry;
        return (200, tag_times($repository)) if is_repository($repository);
    }
    return (404, '{}');
}

sub serve {
    my ($client) = @_;
    my ($text, $chunk) = ('');
    # nginx says it all at once.
    alarm 2;
    until ($text =~ /\r\n\r\n/) {
        return if length $text > 1 << 20 or !sysread $client, $chunk, 1 << 16;
        $text .= $chunk;
    }
    alarm($registry ? 300 : 20);
    my ($line) = $text =~ /\A([^\r\n]*)/;
    my ($sees) = $text =~ /\r\nX-Berth-Sees: ([^\r\n]*)\r\n/;
    my ($status, $body) = answer($line, split ' ', defined $sees ? $sees : '');
    my $reply = "HTTP/1.0 $status -\r\nContent-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    while (length $reply) {
        my $count = syswrite $client, $reply or return;
        substr $reply, 0, $count, '';
    }
}

# From here on it may do what the registry may, and no more. systemd can't do this for an account without a name.
if ($> == 0) {
    $) = "$gid $gid";
    # Perl's own variables would leave a way back.
    POSIX::setgid($gid) && POSIX::setuid($uid) && $) eq "$gid $gid" or die "can't become $uid:$gid\n";
}

# What it makes is nginx's too: the folder gives its group to all that is in it.
umask 0007;
$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'IGNORE';
unlink $path;
socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die $!;
bind($socket, pack_sockaddr_un($path)) or die "$path: $!\n";
listen($socket, 128) or die $!;
while (1) {
    accept(my $client, $socket) or next;
    # Whoever must wait for the registry holds up nobody. Where there are too many, they take turns.
    my $child = fork;
    next if $child;
    eval {
        local $SIG{ALRM} = sub { die "too slow\n" };
        serve($client);
        alarm 0;
        1;
    } or warn $@;
    alarm 0;
    close $client;
    POSIX::_exit(0) if defined $child;
}
