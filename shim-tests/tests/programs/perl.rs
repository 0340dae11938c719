//! Perl, with nothing but its base modules.

use shim_tests::{Shim, skip};

use crate::command::client;
use crate::observer::Observer;
use crate::ports::free_port;
use crate::server::{HELLO, Server};

const SERVER: &str = "
my $server = IO::Socket::INET->new(Listen => 5, LocalPort => $ARGV[0], ReuseAddr => 1) or die $@;
while (my $client = $server->accept) { print $client qq(hello\\n) }
";
const CLIENT: &str = "
my $socket = IO::Socket::INET->new($ARGV[0]) or die $@;
print $socket qq(GET / HTTP/1.0\\r\\n\\r\\n);
my @answer = <$socket>;
print $answer[-1];
";

#[test]
fn perl_server() {
    if !skip::command("perl") {
        return;
    }
    let port = free_port();
    let mut command = Shim::ipv4("127.77.40.1").command("perl");
    command.args(["-MIO::Socket::INET", "-e", SERVER, &port.to_string()]);
    let mut server = Server::start(&mut command, port);
    server.listens_on(&["127.77.40.1"]);
    server.answers_on("127.77.40.1", HELLO);
    server.refuses_on(&["127.0.0.1", "127.77.40.2", "::1"]);
}

#[test]
fn perl_connects_from_the_address() {
    if !skip::command("perl") {
        return;
    }
    let observer = Observer::start();
    let address = observer.address().to_string();
    let arguments = ["-MIO::Socket::INET", "-e", CLIENT, &address];
    client(&Shim::ipv4("127.77.41.1"), "perl", &arguments).says("from 127.77.41.1");
}
