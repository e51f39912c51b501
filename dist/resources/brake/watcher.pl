#!/usr/bin/perl
# Remembers which credentials nginx has let in, and who guesses. Arguments: a folder below /run, and the file of users.
#
# nginx tells of each request with credentials that it does not know yet, in a datagram: STATUS, 1 if the password was right,
# NAME, the HASH of address and credentials, and the ADDRESS. A file `known/NAME.HASH` tells nginx that these were right; they are
# then not held up any more. A file `slow/NAME` tells it that this user's password takes long to check. Needs perl-base only.
use strict;
use warnings;
use Socket qw(:DEFAULT AF_INET6 inet_pton);

my ($folder, $users, $run) = @ARGV;

# Seconds in which wrong passwords are counted, how many there may be for one name from one network, and how many marks.
my ($window, $enough, $most) = (60, 20, 20_000);

my $group = (stat $run)[5];
defined $group or die "$run: $!\n";
umask 0027;
for my $path ($folder, "$folder/known", "$folder/slow") {
    -d $path or mkdir $path or die "$path: $!\n";
    chown 0, $group, $path;
    chmod 0750, $path;
}
unlink glob("$folder/known/*"), "$folder/log.sock";
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 4 << 20);
bind($socket, pack_sockaddr_un("$folder/log.sock")) or die "$folder/log.sock: $!\n";
chown 0, $group, "$folder/log.sock";
chmod 0660, "$folder/log.sock";

my (%marks, %wrong, %shut, %slow);
my ($count, $read, $next) = (0, '', time + $window);

# Whose passwords a person may have made up: those that are kept as a slow hash.
sub read_users {
    my @now = stat $users;
    my $state = @now ? "$now[1] $now[9] $now[7]" : 'none';
    return if $state eq $read;
    $read = $state;
    my %were = %slow;
    %slow = ();
    if (open my $file, '<', $users) {
        while (<$file>) { $slow{$1} = 1 if /^([A-Za-z0-9_][A-Za-z0-9._+\@-]*):(?!\{SSHA\})/ }
    }
    for my $name (keys %slow) { mark("slow/$name") }
    for my $name (grep { !$slow{$_} } keys %were) { unlink "$folder/slow/$name" }
}

sub mark {
    open my $file, '>', "$folder/$_[0]" or return;
    chown 0, $group, $file;
    return 1;
}

sub forget {
    my ($who) = @_;
    for my $file (keys %{ $marks{$who} || {} }) {
        unlink "$folder/known/$file";
        $count--;
    }
    delete $marks{$who};
}

# An IPv6 network of 64 bits belongs to one customer.
sub network {
    my ($address) = @_;
    my $bytes = inet_pton(AF_INET6, $address);
    return defined $bytes ? unpack('H16', $bytes) : $address;
}

unlink glob("$folder/slow/*");
read_users();
while (1) {
    defined recv($socket, my $line, 2048, 0) or next;
    my $now = time;
    if ($now >= $next) {
        %wrong = ();
        delete @shut{ grep { $shut{$_} < $now } keys %shut };
        $next = $now + $window;
    }
    read_users();
    my ($status, $passed, $name, $hash, $address) =
        $line =~ /: (\d{3}) ([01]) ([A-Za-z0-9_][A-Za-z0-9._+\@-]*) ([0-9a-f]{8}) ([0-9a-f.:]+)$/ or next;
    my $who = "$name " . network($address);
    my $file = "$name.$hash";
    if ($passed) {
        next if $shut{$who} or $marks{$who}{$file};
        if ($count >= $most) { forget($_) for keys %marks }
        mark("known/$file") or next;
        $marks{$who}{$file} = 1;
        $count++;
    } elsif ($status == 401 and $marks{$who}{$file}) {
        # Right once, and wrong now.
        unlink "$folder/known/$file";
        delete $marks{$who}{$file};
        $count--;
    } elsif ($slow{$name}) {
        # Whoever guesses at a password that can be guessed must not find the right one let through: from this network it waits
        # in line with all the wrong ones, as long as somebody guesses.
        %wrong = () if keys %wrong > 100_000;
        if (++$wrong{$who} >= $enough) {
            forget($who) unless $shut{$who};
            $shut{$who} = $now + $window;
        }
    }
}
