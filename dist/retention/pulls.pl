# The last pull of each image, out of nginx's logs on stdin: `pull REPOSITORY REFERENCE TIME`, and `logs SINCE` for how far they go
# back. Times are in seconds since 1970.
use strict;
use warnings;

my %months = map { (qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[$_] => $_ + 1 } 0 .. 11;
my ($since, %last) = (time);
while (<STDIN>) {
    my ($at, $path) = m{^\S+ \S+ .{0,200}?\[([^\]]{20,30})\] "(?:GET|HEAD) /v2/(\S{1,600}) HTTP/[0-9.]+" 200 } or next;
    my ($day, $month, $year, $hour, $minute, $second, $sign, $east, $more) =
        $at =~ m{^(\d+)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$} or next;
    # Days since 1970, by the calendar that begins in March.
    my ($y, $m) = $months{$month} > 2 ? ($year, $months{$month} - 3) : ($year - 1, $months{$month} + 9);
    my $days = 365 * $y + int($y / 4) - int($y / 100) + int($y / 400) + int((153 * $m + 2) / 5) + $day - 1 - 719468;
    my $offset = ($east * 60 + $more) * ($sign eq '-' ? -60 : 60);
    my $time = $days * 86400 + $hour * 3600 + $minute * 60 + $second - $offset;
    $since = $time if $time < $since;
    my ($repository, $reference) = $path =~ m{^([a-z0-9][a-z0-9._/-]*)/manifests/([\w.:+-]+)(?:\?.*)?$} or next;
    $last{"$repository $reference"} = $time if $time > ($last{"$repository $reference"} // 0);
}
print "logs $since\n";
print "pull $_ $last{$_}\n" for sort keys %last;
