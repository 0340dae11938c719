//! nginx, and wrk as its client.

use std::fs;

use shim_tests::ports::free_port;

use super::RUN;
use super::server::{ADDRESS, Server};
use crate::command::{self, Failure};
use crate::variants::Variant;

const CONFIGURATION: &str = "
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {
}
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    server {
        listen PORT;
        return 200 'hello\\n';
    }
}
";

/// Requests a second, with these options of wrk's.
pub fn requests(variant: &Variant, options: &[&str]) -> Result<f64, Failure> {
    let port = free_port();
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("nginx.conf");
    fs::write(&file, CONFIGURATION.replace("PORT", &port.to_string()))?;
    let mut nginx = variant.command("nginx");
    nginx.arg("-p").arg(dir.path()).arg("-c").arg(file);
    let mut server = Server::start(nginx.args(["-e", "stderr"]))?;
    server.listens(variant, port)?;
    let mut wrk = variant.command("wrk");
    wrk.args(["-t", "1", "-c", "32", "-d"])
        .arg(format!("{}s", RUN.as_secs()))
        .args(options)
        .arg(format!("http://{ADDRESS}:{port}/"));
    let said = command::output(&mut wrk)?;
    if said.contains("Socket errors") || said.contains("Non-2xx") {
        return Err(format!("{}: wrk: {said}", variant.name).into());
    }
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    Ok(rate.ok_or_else(|| format!("wrk: {said}"))?.trim().parse()?)
}
