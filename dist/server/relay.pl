# Lets the user behind sudo reach the registry's socket, which only root and nginx can open: listens on a socket in a folder of that user's
# own, for as long as somebody hears what it prints: lines as `protocol.ts` reads them.
use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;

my ($registry, $base) = @ARGV;
my $folder = "$base/berth-push-$$";
my $uid = $ENV{SUDO_UID} // 0;

sub gone { unlink "$folder/registry"; rmdir $folder; exit 0 }

umask 077;
mkdir $folder or die "$folder: $!\n";
$SIG{$_} = \&gone for qw(PIPE TERM HUP INT);
$SIG{CHLD} = 'IGNORE';
my $listener = IO::Socket::UNIX->new(Local => "$folder/registry", Listen => 64) or do { warn "$folder: $!\n"; gone() };
chown $uid, -1, $folder, "$folder/registry";
$| = 1;
print "berth:relay=$folder/registry\n";

my $ready = IO::Select->new($listener);
while (1) {
    if (!$ready->can_read(2)) {
        print "berth:alive\n";    # which ends it when the connection is lost
        next;
    }
    my $client = $listener->accept or next;
    next if fork;
    $SIG{$_} = 'DEFAULT' for qw(PIPE TERM HUP INT CHLD);
    close $listener;
    my $server = IO::Socket::UNIX->new(Peer => $registry) or exit 1;
    my $back = fork // exit 1;
    if ($back) { copy($client, $server) }
    else { copy($server, $client) }
    exit 0;
}

sub copy {
    my ($from, $to) = @_;
    while (sysread $from, my $bytes, 1 << 17) {
        my $sent = 0;
        while ($sent < length $bytes) { $sent += syswrite($to, $bytes, length($bytes) - $sent, $sent) // return }
    }
    shutdown $to, 1;
}
