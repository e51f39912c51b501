#!/usr/bin/perl
# The store of a registry on disk: what is in it, and how to take out what nobody needs, while the registry serves.
#
#   store.pl look DATA UID:GID GRACE      prints what is there; changes nothing
#   store.pl collect DATA UID:GID GRACE   sets aside what stdin names and whatever nothing refers to any more
#   store.pl undo DATA UID:GID GRACE      puts back what the last collection set aside
#   store.pl free DATA UID:GID GRACE      deletes all that is set aside, for the disk is short
#   store.pl settle DATA UID:GID GRACE    puts back what turned out to be wanted
#
# GRACE is in seconds: what was written, or asked for, within that time may belong to a push that is under way.
#
# Nothing is deleted at once. It is renamed into DATA/aside/RUN, where the registry does not look; what turns out to be wanted after
# all is renamed back, and a later run deletes the rest. Each rename is atomic, so a run may be killed at any point: the next one
# looks at what is there and goes on from that.
#
# It runs as the account that owns the store, for that one could lead root anywhere by a link. Only modules of perl-base.
use strict;
use warnings;
use Errno;
use Fcntl qw(:flock O_RDONLY O_CREAT O_RDWR);
use File::Path qw(make_path remove_tree);
use POSIX ();

my ($command, $data, $account, $grace) = @ARGV;
my $root  = "$data/docker/registry/v2";
my $aside = "$data/aside";
my $now   = time;

# Seconds until a request that was under way when something was set aside has ended.
my $pause = $grace > 10 ? 5 : 1;

# Reading must not look like a pull: those are told by the time of the last access.
my $O_NOATIME = 01000000;

# The registry takes manifests of 4 MiB at most.
my $manifest_limit = 4 << 20;

# None is longer than one of SHA-512, and a file's name may not be either.
my $digest_form = qr/[a-z0-9]{1,32}:[0-9a-f]{32,128}/;

become(split /:/, $account);
umask 077;
$| = 1;
my %commands = (look => \&look, collect => \&collect, undo => \&undo, free => \&free, settle => \&wanted);
eval { $commands{$command}->(); 1 } or do {
    print "error $@";
    exit 1;
};

sub become {
    my ($uid, $gid) = @_;
    if ($> == 0 && $uid != 0) {
        $) = "$gid $gid";
        POSIX::setgid($gid);
        POSIX::setuid($uid);
    }
    # To remove folders, perl goes into them and back to where it was: in root's home it may not.
    chdir '/';
    $> == $uid && $< == $uid or die "can't become $uid\n";
}

# --- What is there

# Only what is not there may be missing: to overlook a manifest because of another error would lose its layers.
sub names {
    my ($path) = @_;
    my $folder;
    unless (opendir $folder, $path) {
        return if $!{ENOENT} || $!{ENOTDIR};
        die "can't read $path: $!\n";
    }
    return sort grep { $_ ne '.' && $_ ne '..' } readdir $folder;
}

sub content {
    my ($path, $limit) = @_;
    $limit //= $manifest_limit;
    my $file;
    unless (sysopen($file, $path, O_RDONLY | $O_NOATIME) || ($!{EPERM} && sysopen($file, $path, O_RDONLY))) {
        return if $!{ENOENT} || $!{ENOTDIR};
        die "can't read $path: $!\n";
    }
    my ($text, $read) = ('');
    while ($read = sysread $file, $text, 65536, length $text) { return if length $text > $limit || is_binary($text) }
    defined $read or die "can't read $path: $!\n";
    return $text;
}

# A list may name layers of gigabytes as if they were manifests, as BuildKit's caches do.
sub is_binary { return $_[0] =~ /^[^\x09-\x0d\x20-\x7e]/ || $_[0] =~ /\0/ }

# Paths of repositories: folders that hold _manifests, _layers or _uploads. Linked folders are followed; one that leads nowhere may
# lead to a disk that is not there, whose images would look as if they were gone.
sub repositories {
    my ($name, $depth) = @_;
    $depth < 64 or die "$root/repositories/$name goes too deep; does a link lead back?\n";
    my @below = names("$root/repositories/$name");
    my @found = (grep { /^_/ } @below) ? ($name) : ();
    for my $each (grep { !/^_/ } @below) {
        my $path = $name eq '' ? $each : "$name/$each";
        -l "$root/repositories/$path" && !-e "$root/repositories/$path" and die "$root/repositories/$path leads nowhere; is its disk mounted?\n";
        push @found, repositories($path, $depth + 1) if -d "$root/repositories/$path";
    }
    return @found;
}

# What is named below a folder as ALGORITHM/HEX: links of layers or manifests, each a digest.
sub digests {
    my ($path) = @_;
    return map { my $algorithm = $_; map { "$algorithm:$_" } names("$path/$algorithm") } names($path);
}

sub entry { return join '/', split /:/, $_[0] }

sub blob_path {
    my ($algorithm, $hex) = split /:/, $_[0];
    return "blobs/$algorithm/" . substr($hex, 0, 2) . "/$hex";
}

# A manifest: what it refers to, the manifest that it belongs to (as a signature to its image), and whether it is a list. All digests
# count, wherever they stand: it is better to keep too much. It may be read from what is set aside.
sub manifest {
    my ($digest) = @_;
    my $json;
    for my $store ($root, map { "$aside/$_" } runs()) {
        $json = content("$store/" . blob_path($digest) . '/data');
        last if defined $json;
    }
    return { refers => [], subject => '', list => 0 } unless defined $json && $json =~ /^\s*\{/;
    # Before escapes are read, for only then all brackets are in pairs.
    my $subject = take_subject(\$json);
    $json =~ s/\\u00([0-9a-fA-F]{2})/chr hex $1/ge if index($json, '\\u') >= 0;
    my %refers = map { $_ => 1 } $json =~ /"($digest_form)"/g;
    delete $refers{$digest};
    return { refers => [keys %refers], subject => $subject, list => $json =~ /"manifests"\s*:/ ? 1 : 0 };
}

# Takes the subject out of a manifest; returns its digest. Whoever pushes writes the text, so each part of it is looked at once only.
sub take_subject {
    my ($json) = @_;
    return '' unless $$json =~ /"subject"\s*:\s*(?=\{)/g;
    my ($start, $depth) = (pos $$json, 0);
    while ($$json =~ /\G[^{}"]*+(?:([{}])|"(?:[^"\\]++|\\.)*+")/gcs) {
        next unless defined $1;
        $depth += $1 eq '{' ? 1 : -1;
        last if $depth == 0;
    }
    return '' unless $depth == 0;
    my $length = pos($$json) - $start;
    my ($digest) = substr($$json, $start, $length) =~ /"digest"\s*:\s*"($digest_form)"/ or return '';
    substr $$json, $start, $length, '{}';
    return $digest;
}

# Follows manifests from some of them: calls back for each with what it is.
sub follow {
    my ($roots, $seen, $visit) = @_;
    my @queue = @$roots;
    while (defined(my $digest = pop @queue)) {
        next if $seen->{$digest}++;
        my $manifest = manifest($digest);
        $visit->($digest, $manifest);
        # The others may be layers of gigabytes.
        push @queue, @{$manifest->{refers}} if $manifest->{list};
    }
}

# All tags as [NAME, DIGEST, PUSHED, ASKED] by repository.
sub tags {
    my %precise = times_of_tags();
    my %tags;
    for my $repository (@_) {
        for my $name (names("$root/repositories/$repository/_manifests/tags")) {
            my $digest = link_of($repository, $name);
            my @seen = lstat "$root/repositories/$repository/_manifests/tags/$name/current/link" or next;
            my $pushed = $precise{"$repository $name"} // '';
            $pushed = $seen[9] unless $pushed =~ /^$seen[9]\./;
            push @{$tags{$repository}}, [$name, $digest, $pushed, $seen[8]] if $digest ne '';
        }
    }
    return \%tags;
}

# Perl without more modules knows whole seconds only, and tags are often pushed several in one.
sub times_of_tags {
    my %times;
    -d "$root/repositories" or return;
    open my $found, '-|', 'find', '-L', "$root/repositories", '(', '-name', '_layers', '-o', '-name', '_uploads', '-o', '-path',
        '*/_manifests/revisions', '-o', '-path', '*/_manifests/tags/*/index', ')', '-prune', '-o', '-path',
        '*/_manifests/tags/*/current/link', '-printf', '%T@ %P\n' or die "can't start find: $!\n";
    while (<$found>) {
        $times{"$2 $3"} = $1 if m{^(\d+\.\d{1,6})\d* (.+)/_manifests/tags/([^/]+)/current/link$};
    }
    close $found;
    return %times;
}

# What a tag points to; empty if the file was left so by a crash.
sub link_of {
    my ($repository, $name) = @_;
    my $text = content("$root/repositories/$repository/_manifests/tags/$name/current/link") // '';
    return $text =~ /^($digest_form)$/ ? $1 : '';
}

sub revisions { return digests("$root/repositories/$_[0]/_manifests/revisions") }

# When a tag last moved on from each image of a repository: the registry keeps a link for all that a tag has ever pointed to.
sub times_of_leaving {
    my ($repository) = @_;
    my %left;
    for my $name (names("$root/repositories/$repository/_manifests/tags")) {
        my $index = "$root/repositories/$repository/_manifests/tags/$name/index";
        my @all = digests($index) or next;
        next if @all < 2;
        my %pushed = map { $_ => (lstat "$index/" . entry($_) . '/link')[9] // 0 } @all;
        my @order = sort { $pushed{$a} <=> $pushed{$b} } @all;
        for my $i (1 .. $#order) {
            my ($before, $at) = ($order[$i - 1], $pushed{$order[$i]});
            $left{$before} = $at if $at > ($left{$before} // 0);
        }
    }
    return \%left;
}

# Whether a link was made or asked for a while ago. The time of the last access is brought up to date once a day at least
# (relatime), hence twice.
sub is_stale {
    my ($path) = @_;
    my @seen = lstat $path or return 1;
    return $now - $seen[9] >= $grace && $now - $seen[8] >= 2 * $grace;
}

sub blobs {
    my @blobs;
    for my $algorithm (names("$root/blobs")) {
        for my $half (names("$root/blobs/$algorithm")) {
            push @blobs, map { "$algorithm:$_" } names("$root/blobs/$algorithm/$half");
        }
    }
    return @blobs;
}

# --- look

# Lines of what is there, digests by their number: `blob DIGEST BYTES FRESH` (bytes -1 if it is missing) come in the order of numbers.
sub look {
    my @repositories = repositories('', 0);
    my %number;
    my $asked = asked(@repositories);
    my @disk = split ' ', (split /\n/, `df -P -B1 '$data'`)[1];
    print "time $now\ndisk $disk[1] $disk[3]\n";
    for my $digest (blobs()) {
        my @seen = lstat "$root/" . blob_path($digest) . '/data' or next;
        my $is_fresh = !@repositories || $asked->{$digest} || $now - $seen[9] < $grace ? 1 : 0;
        my $next = keys %number;
        $number{$digest} = $next;
        print "blob $digest $seen[7] $is_fresh\n";
    }
    my $tell = sub {
        my ($digest) = @_;
        unless (exists $number{$digest}) {
            my $next = keys %number;
            $number{$digest} = $next;
            print "blob $digest -1 0\n";
        }
        return $number{$digest};
    };
    my $tags = tags(@repositories);
    my %seen;
    for my $repository (@repositories) {
        my @lines = ("repository $repository\n");
        my @roots;
        my $left = times_of_leaving($repository);
        for my $digest (revisions($repository)) {
            my @times = lstat "$root/repositories/$repository/_manifests/revisions/" . entry($digest) . '/link' or next;
            push @lines, "revision " . $tell->($digest) . " $times[9] $times[8] " . ($left->{$digest} // 0) . "\n";
            push @roots, $digest;
        }
        for my $tag (@{$tags->{$repository} // []}) {
            my ($name, $digest, $pushed, $asked) = @$tag;
            push @lines, "tag $name " . $tell->($digest) . " $pushed $asked\n";
            push @roots, $digest;
        }
        follow(\@roots, \%seen, sub {
            my ($digest, $manifest) = @_;
            my ($id, @refers) = map { $tell->($_) } $digest, @{$manifest->{refers}};
            my $subject = $manifest->{subject} eq '' ? '-' : $tell->($manifest->{subject});
            print "manifest $id $subject $manifest->{list} " . join(',', @refers) . "\n";
        });
        print @lines;
    }
    print "aside " . sum(map { bytes_of("$aside/$_") } runs()) . "\n";
}

# --- What is set aside

# The runs whose things are set aside, the oldest first.
sub runs { return sort { $a <=> $b } grep { /^\d+$/ } names($aside) }

sub lock_aside {
    mkdir $aside, 0700 or $!{EEXIST} or die "can't make $aside: $!\n";
    sysopen my $lock, "$aside/lock", O_CREAT | O_RDWR, 0600 or die "can't open $aside/lock: $!\n";
    flock $lock, LOCK_EX or die "can't lock $aside/lock: $!\n";
    return $lock;
}

# Renames below the store; whether it was there and nothing was in its place. An empty folder is nothing: an upload that failed leaves
# one behind.
sub move {
    my ($from, $to, $path) = @_;
    return 0 unless -d "$from/$path";
    my $parent = "$to/$path" =~ s{/[^/]+$}{}r;
    # On a disk that is full it can't be made.
    make_path($parent, { error => \my $errors });
    -d $parent or die "can't make $parent: " . join(', ', map { values %$_ } @$errors) . "\n";
    return 1 if rename "$from/$path", "$to/$path";
    return 0 if $!{ENOENT} || $!{ENOTEMPTY} || $!{EEXIST};
    $!{EXDEV} and die "$from/$path is on another disk than $data; keep the whole store on one\n";
    die "can't move $from/$path: $!\n";
}

sub bytes_of {
    my ($run) = @_;
    my $bytes = 0;
    for my $algorithm (names("$run/blobs")) {
        for my $half (names("$run/blobs/$algorithm")) {
            $bytes += -s "$run/blobs/$algorithm/$half/$_/data" // 0 for names("$run/blobs/$algorithm/$half");
        }
    }
    return $bytes;
}

# Paths of a run, relative to the store: tags, links and blobs.
sub entries {
    my ($run) = @_;
    my @entries;
    my @queue = map { "repositories/$_" } names("$run/repositories");
    while (defined(my $path = pop @queue)) {
        my @below = map { "$path/$_" } names("$run/$path");
        # A repository's name may have a part such as `tags` or `revisions`, but none that begins with `_`.
        if ($path =~ m{/(?:_manifests/tags|(?:_manifests/revisions|_layers)/[^/]+)$}) { push @entries, @below }
        else { push @queue, @below }
    }
    for my $algorithm (names("$run/blobs")) {
        for my $half (names("$run/blobs/$algorithm")) {
            push @entries, map { "blobs/$algorithm/$half/$_" } names("$run/blobs/$algorithm/$half");
        }
    }
    return @entries;
}

# Puts back what is set aside and wanted: by an image that was pushed while it was being set aside, or because a run was killed in
# between. Returns how much that was.
sub settle {
    my $restored = 0;
    for my $round (1 .. 5) {
        my @runs = runs() or last;
        my @repositories = repositories('', 0);
        my ($tags, %live, %of, %seen) = (tags(@repositories));
        my %roots = map {
            my $repository = $_;
            ($repository => [revisions($repository), map { $_->[1] } @{$tags->{$repository} // []}])
        } @repositories;
        follow([map { @$_ } values %roots], \%seen, sub {
            my ($digest, $manifest) = @_;
            $of{$digest} = $manifest;
            $live{$_} = 1 for $digest, @{$manifest->{refers}};
        });
        my $moved = 0;
        my %wanted;
        my $asked = asked(@repositories);
        for my $run (reverse @runs) {
            my %planned = planned("$aside/$run");
            for my $path (entries("$aside/$run")) {
                my $back = 0;
                if ($path =~ m{^repositories/(.+)/_manifests/tags/([^/]+)$}) {
                    my $at = (lstat "$aside/$run/$path/current/link")[9] // 0;
                    # Pushed again at the very moment.
                    $back = 1 if ($planned{"$1 $2"} // $at) != $at;
                } elsif ($path =~ m{^repositories/(.+)/(_layers|_manifests/revisions)/([^/]+)/([^/]+)$}) {
                    my ($repository, $kind, $digest) = ($1, $2, "$3:$4");
                    $wanted{$repository} //= reachable($roots{$repository} // [], \%of);
                    my $at = (lstat "$aside/$run/$path/link")[9] // 0;
                    my $is_again = $kind ne '_layers' && ($planned{"$repository $digest"} // $at) != $at;
                    $back = $is_again || $wanted{$repository}{$digest};
                } elsif ($path =~ m{^blobs/([^/]+)/../([^/]+)$}) {
                    $back = $live{"$1:$2"} || $asked->{"$1:$2"};
                }
                $moved += move("$aside/$run", $root, $path) if $back;
            }
        }
        $restored += $moved;
        last unless $moved;
    }
    return $restored;
}

sub reachable {
    my ($roots, $of) = @_;
    my (%reachable, @queue);
    @queue = @$roots;
    while (defined(my $digest = pop @queue)) {
        next if $reachable{$digest}++;
        push @queue, @{$of->{$digest}{refers}} if $of->{$digest};
    }
    return \%reachable;
}

# Layers that a push which is under way may count on, though nothing refers to them yet.
sub asked {
    my %asked;
    for my $repository (@_) {
        my $links = "$root/repositories/$repository/_layers";
        for my $digest (digests($links)) {
            $asked{$digest} = 1 unless is_stale("$links/" . entry($digest) . '/link');
        }
    }
    return \%asked;
}

# The tags and manifests that a run was told to set aside, with the second in which each was pushed: it says so itself, for a run that
# was killed.
sub planned {
    my ($run) = @_;
    my %planned;
    # It is as long as there are images.
    for (split /\n/, content("$run/plan", 1 << 30) // '') {
        $planned{"$1 $2"} = $3 if /^tag (\S+) (\S+) \S+ (\d+)/ || /^manifest (\S+) (\S+) (\d+)/;
    }
    return %planned;
}

# A run from the future was named by a clock that was wrong, and would stay until then: it counts from now on.
sub count_anew {
    my @runs = runs();
    my $next = (sort { $b <=> $a } $now, map { $_ + 1 } grep { $_ <= $now } @runs)[0];
    for my $run (grep { $_ > $now } @runs) {
        $run == $next or rename "$aside/$run", "$aside/$next" or die "can't move $aside/$run: $!\n";
        $next++;
    }
}

# Deletes what has been set aside long enough; returns the bytes.
sub forget {
    my ($age) = @_;
    my $freed = 0;
    for my $run (grep { $now - $_ >= $age } runs()) {
        my $bytes = bytes_of("$aside/$run");
        # A name that is no run's: what is left by a kill is not mistaken for one that is whole.
        rename "$aside/$run", "$aside/gone-$run" or die "can't move $aside/$run: $!\n";
        $freed += $bytes;
    }
    remove_tree("$aside/$_") for grep { /^gone-/ } names($aside);
    return $freed;
}

sub sum { my $sum = 0; $sum += $_ for @_; return $sum }

# --- collect

# Stdin says when it was looked at, `planned TIME`, and names tags and manifests, `tag REPOSITORY NAME DIGEST PUSHED` and
# `manifest REPOSITORY DIGEST PUSHED`. What has changed since then stays, and is told.
sub collect {
    my $plan = join '', <STDIN>;
    my ($planned) = $plan =~ /^planned (\d+)$/m;
    # By a clock that jumps, a push that is under way would seem to be long over.
    defined $planned && ($now < $planned - 60 || $now > $planned + 3600)
        and die 'the clock has jumped by ' . int(($now - $planned) / 60) . " minutes since it was looked at\n";
    my $lock = lock_aside();
    count_anew();
    my $restored = settle();
    my $freed = forget($grace);
    my $run = (sort { $b <=> $a } $now, map { $_ + 1 } runs())[0];
    mkdir "$aside/$run", 0700 or die "can't make $aside/$run: $!\n";
    open my $file, '>', "$aside/$run/plan" or die "can't write $aside/$run/plan: $!\n";
    print $file $plan;
    close $file or die "can't write $aside/$run/plan: $!\n";

    for (split /\n/, $plan) {
        my ($repository, $name, $digest, $pushed) = m{^tag ([a-z0-9][a-z0-9._/-]*) ([\w.-]+) (\S+) (\d+)} or next;
        my $path = "repositories/$repository/_manifests/tags/$name";
        my $is_same = sub { ((lstat "$_[0]/$path/current/link")[9] // -1) == $pushed };
        if ($is_same->($root) && link_of($repository, $name) eq $digest && move($root, "$aside/$run", $path)) {
            next if $is_same->("$aside/$run");
            move("$aside/$run", $root, $path);
        }
        print "changed $repository $name\n";
    }
    my $moved = sweep("$aside/$run", $plan);
    if ($moved > 0) {
        sleep $pause;
        $restored += settle();
    }
    my @left = entries("$aside/$run");
    remove_tree("$aside/$run") unless @left;
    print "moved " . bytes_of("$aside/$run") . " " . scalar(grep { /^blobs/ } @left) . "\n";
    print "freed $freed\nrestored $restored\n";
    clear_empty($_) for repositories('', 0);
}

# Sets aside the manifests of the plan that nothing needs, and then links and blobs that no manifest refers to. Returns how many.
sub sweep {
    my ($run, $plan) = @_;
    my @repositories = repositories('', 0);
    my $tags = tags(@repositories);
    my %going;
    for (split /\n/, $plan) {
        my ($repository, $digest, $pushed) = m{^manifest ([a-z0-9][a-z0-9._/-]*) ([a-z0-9]+:[0-9a-f]+) (\d+)} or next;
        $going{$repository}{$digest} = $pushed if is_due("$root/" . revision_path($repository, $digest), $pushed);
    }
    my (%of, %seen, %live, %roots);
    for my $repository (@repositories) {
        delete $going{$repository}{$_->[1]} for @{$tags->{$repository} // []};
        $roots{$repository} = [
            (grep { !exists $going{$repository}{$_} } revisions($repository)),
            map { $_->[1] } @{$tags->{$repository} // []}
        ];
    }
    my $visit = sub {
        my ($digest, $manifest) = @_;
        $of{$digest} = $manifest;
        $live{$_} = 1 for $digest, @{$manifest->{refers}};
    };
    follow([map { @$_ } values %roots], \%seen, $visit);
    # Without any repository, the disk that has them may be missing.
    return 0 unless @repositories;
    my ($moved, %held) = (0);
    for my $repository (@repositories) {
        for my $digest (keys %{$going{$repository} // {}}) {
            next if $live{$digest};
            my ($path, $pushed) = (revision_path($repository, $digest), $going{$repository}{$digest});
            # To read all manifests took a while, in which it may have been pushed again; it may be at this very moment.
            if (is_due("$root/$path", $pushed) && move($root, $run, $path)) {
                $moved++;
                next if is_due("$run/$path", $pushed);
                move($run, $root, $path);
            }
            push @{$roots{$repository}}, $digest;
            follow([$digest], \%seen, $visit);
        }
    }
    for my $repository (@repositories) {
        my $folder = "repositories/$repository";
        my @stays = grep { $live{$_} } keys %{$going{$repository} // {}};
        my $needed = reachable([@{$roots{$repository}}, @stays], \%of);
        for my $digest (digests("$root/$folder/_layers")) {
            next if $needed->{$digest};
            my $path = "$folder/_layers/" . entry($digest);
            if (is_stale("$root/$path/link")) { $moved += move($root, $run, $path) }
            else { $held{$digest} = 1 }
        }
    }
    for my $digest (grep { !$live{$_} && !$held{$_} } blobs()) {
        my $path = blob_path($digest);
        my @seen = lstat "$root/$path/data" or next;
        $moved += move($root, $run, $path) if $now - $seen[9] >= $grace;
    }
    return $moved;
}

sub revision_path { return "repositories/$_[0]/_manifests/revisions/" . entry($_[1]) }

# Whether a manifest is as it was planned to go. What was asked for may still be pulled.
sub is_due {
    my ($path, $pushed) = @_;
    return ((lstat "$path/link")[9] // -1) == $pushed && is_stale("$path/link");
}

# Takes away the folders of a repository that has nothing any more, so that it leaves the catalog. A folder with something in it
# can't be removed, whoever put it there.
sub clear_empty {
    my ($repository) = @_;
    my $path = "$root/repositories/$repository";
    my @inside = map { "$path/$_" } qw(_manifests/tags _manifests/revisions/sha256 _manifests/revisions _layers/sha256 _layers _manifests _uploads);
    return if grep { my @seen = lstat; @seen && $now - $seen[9] < $grace } $path, @inside;
    return if names("$path/_manifests/tags") || digests("$path/_manifests/revisions") || digests("$path/_layers") || names("$path/_uploads");
    rmdir for @inside;
    while ($path ne "$root/repositories" && rmdir $path) { $path =~ s{/[^/]+$}{} }
}

# --- undo, free, settle

sub undo {
    my $lock = lock_aside();
    my ($run) = reverse runs();
    unless (defined $run) { print "nothing\n"; return }
    my ($blobs, $tags) = (0, 0);
    # Blobs first, tags last: what can be asked for is whole.
    for my $path (sort { rank($a) <=> rank($b) } entries("$aside/$run")) {
        next unless move("$aside/$run", $root, $path);
        $blobs++ if rank($path) == 0;
        if ($path =~ m{^repositories/(.+)/_manifests/tags/([^/]+)$}) {
            $tags++;
            print "back $1 $2\n";
        }
    }
    # A folder that is there may be empty.
    my @left = grep { !-e "$root/" . file_of($_) } entries("$aside/$run");
    @left and die "can't put back $left[0]\n";
    remove_tree("$aside/$run");
    print "restored $tags $blobs\n";
}

sub rank {
    my ($path) = @_;
    return 0 if $path =~ m{^blobs/};
    return 1 if $path =~ m{/_layers/[^/]+/[^/]+$};
    return 2 if $path =~ m{/_manifests/revisions/[^/]+/[^/]+$};
    return 3;
}

# The file that makes an entry what it is.
sub file_of {
    my ($path) = @_;
    return "$path/" . (qw(data link link current/link))[rank($path)];
}

# A request that was under way when something was set aside may end only now.
sub free {
    my $lock = lock_aside();
    settle();
    sleep $pause;
    settle();
    print "freed " . forget(0) . "\n";
}

sub wanted {
    my $lock = lock_aside();
    print "restored " . settle() . "\n";
}
