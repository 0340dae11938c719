//! Perl, with nothing but its base modules.

use shim_tests::Shim;

use crate::ports::free_port;
use crate::server::Server;

const SERVER: &str = "
my $server = IO::Socket::INET->new(Listen => 5, LocalPort => $ARGV[0], ReuseAddr => 1) or die $@;
while (my $client = $server->accept) { print $client qq(hello\\n) }
";
pub const CLIENT: &str = "
my $socket = IO::Socket::INET->new($ARGV[0]) or die $@;
print $socket qq(GET / HTTP/1.0\\r\\n\\r\\n);
my @answer = <$socket>;
print $answer[-1];
";

pub fn server(shim: &Shim) -> Server {
    let port = free_port();
    let mut command = shim.command("perl");
    command.args(["-MIO::Socket::INET", "-e", SERVER, &port.to_string()]);
    Server::start(&mut command, port)
}
