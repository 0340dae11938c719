//! The drop-in that puts a service under the library: systemd.unit(5), systemd.exec(5).

use std::path::Path;

use ipaddr_host::settings::DEFAULT_POLICY_DIRECTORY;

use crate::failure::Failure;

/// Its text. The service doesn't start where the library or a file of the policy is missing, where the
/// library isn't loaded in it, or where nothing is assigned to it.
///
/// # Errors
/// A path can't be written into it.
pub fn text(library: &Path, policy: &Path, files: &[String]) -> Result<String, Failure> {
    let library = library_text(library)?;
    let mut asserted = format!("AssertPathExists={library}\n");
    for file in files {
        asserted += &format!("AssertPathExists={}\n", specifiers(line(file)?));
    }
    let policy = path_text(policy)?;
    let setting = match policy == DEFAULT_POLICY_DIRECTORY {
        true => String::new(),
        false => format!("Environment=\"IPADDR_POLICY_DIR={}\"\n", quoted(policy)),
    };
    Ok(format!(
        "# By ipaddrctl unit. If the library or the policy is missing, the service doesn't start.
[Unit]
{asserted}
[Service]
Environment=LD_PRELOAD={library}
Environment=IPADDR_REQUIRE=1
{setting}# Whether the library is loaded, which another setting of LD_PRELOAD might keep away.
ExecStartPre=/bin/grep -q -F {library} /proc/self/maps
"
    ))
}

/// A path that `LD_PRELOAD`, the setting and the command line take as it is.
fn library_text(library: &Path) -> Result<&str, Failure> {
    let text = path_text(library)?;
    let is_plain = |it: char| it.is_alphanumeric() || "/._+,@=~-".contains(it);
    if !text.chars().all(is_plain) {
        return Err(Failure::Invalid(format!(
            "{text}: expected a path of letters, digits and /._+,@=~- only, which LD_PRELOAD and a unit can hold"
        )));
    }
    Ok(text)
}

fn path_text(path: &Path) -> Result<&str, Failure> {
    let text = path.to_str().ok_or_else(|| {
        Failure::Invalid(format!("{}: expected UTF-8, for a unit", path.display()))
    })?;
    line(text)
}

fn line(text: &str) -> Result<&str, Failure> {
    if text.contains(char::is_control) {
        return Err(Failure::Invalid(format!(
            "{}: expected a path without control characters, for a unit",
            text.escape_debug()
        )));
    }
    Ok(text)
}

/// `%` begins a specifier.
fn specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

/// Within double quotes, where C's escapes are known.
fn quoted(text: &str) -> String {
    specifiers(text).replace('\\', "\\\\").replace('"', "\\\"")
}
