//! Other preload libraries of the kind, set up so that they are in the way of each call but change
//! nothing: what interposing costs there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Failure;

/// One that is installed.
pub struct Other {
    pub name: &'static str,
    /// What it does in these measurements.
    pub does: &'static str,
    pub object: PathBuf,
    pub environment: Vec<(&'static str, PathBuf)>,
}

struct Known {
    name: &'static str,
    does: &'static str,
    /// Below a directory of /usr/lib.
    file: &'static str,
    /// The file's name beside the library under test: paths of one length.
    copy: &'static str,
    /// The variable that names its configuration, and that.
    configuration: Option<(&'static str, &'static str)>,
    quiet: Option<(&'static str, &'static str)>,
}

const KNOWN: [Known; 3] = [
    Known {
        name: "socket_wrapper",
        does: "without SOCKET_WRAPPER_DIR: reads that variable on each call, and passes the call on",
        file: "libsocket_wrapper.so",
        copy: "libsocket.so",
        configuration: None,
        quiet: None,
    },
    Known {
        name: "torsocks",
        does: "AllowInbound 1, AllowOutboundLocalhost 2: checks the socket's type and the address, \
               and passes on what stays on loopback; has no bind",
        file: "torsocks/libtorsocks.so",
        copy: "libtorsck.so",
        configuration: Some((
            "TORSOCKS_CONF_FILE",
            "TorAddress 127.0.0.1\nTorPort 9050\nAllowInbound 1\nAllowOutboundLocalhost 2\n",
        )),
        quiet: Some(("TORSOCKS_LOG_LEVEL", "1")),
    },
    Known {
        name: "proxychains4",
        does: "localnet 127.0.0.0/8: checks the socket's type and the address, and passes on what \
               stays on loopback; has no bind",
        file: "libproxychains.so.4",
        copy: "libproxyc.so",
        configuration: Some((
            "PROXYCHAINS_CONF_FILE",
            "strict_chain\nquiet_mode\nlocalnet 127.0.0.0/255.0.0.0\n[ProxyList]\nsocks5 127.0.0.1 9050\n",
        )),
        quiet: Some(("PROXYCHAINS_QUIET_MODE", "1")),
    },
];

/// Those that are installed, their copies and configurations in `directory`; and the names of those
/// that aren't.
pub fn find(directory: &Path) -> Result<(Vec<Other>, Vec<&'static str>), Failure> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for known in &KNOWN {
        match installed(known.file) {
            Some(path) => found.push(known.set_up(&path, directory)?),
            None => missing.push(known.name),
        }
    }
    Ok((found, missing))
}

impl Known {
    fn set_up(&self, installed: &Path, directory: &Path) -> Result<Other, Failure> {
        let object = directory.join(self.copy);
        fs::copy(installed, &object)?;
        let mut environment = Vec::new();
        if let Some((variable, text)) = self.configuration {
            let file = directory.join(format!("{}.conf", self.name));
            fs::write(&file, text)?;
            environment.push((variable, file));
        }
        let quiet = self.quiet.map(|(variable, value)| (variable, value.into()));
        environment.extend(quiet);
        Ok(Other {
            name: self.name,
            does: self.does,
            object,
            environment,
        })
    }
}

/// In one of the directories that Debian has for each architecture.
fn installed(file: &str) -> Option<PathBuf> {
    let directories = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut paths = directories.map(|directory| directory.path().join(file));
    paths.find(|path| path.exists())
}
