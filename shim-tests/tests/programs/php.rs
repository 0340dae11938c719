//! PHP, which loads its extensions with `RTLD_DEEPBIND`.

use shim_tests::{Shim, skip};

pub const CLIENT: &str = "
$curl = curl_init('@URL@');
curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
$said = curl_exec($curl);
echo $said === false ? curl_error($curl) : $said;
";

/// Whether there is a PHP with an extension; skips if there isn't.
pub fn has(extension: &str) -> bool {
    if !skip::command("php") {
        return false;
    }
    let run = Shim::without().run("php", &["-m"]);
    let has = run.out.lines().any(|line| line == extension);
    if !has {
        skip::skip(&format!("php has no extension {extension}"));
    }
    has
}

#[test]
fn php_sockets_bind_to_the_address() {
    if !has("sockets") {
        return;
    }
    let script = "$socket = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
        socket_bind($socket, '0.0.0.0', 0); socket_getsockname($socket, $address); echo $address;";
    let run = |shim: Shim| shim.run("php", &["-r", script]);
    run(Shim::without()).says("0.0.0.0");
    run(Shim::ipv4("127.77.60.2")).says("127.77.60.2");
}
