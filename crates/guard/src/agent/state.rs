//! The state of a container, as a runtime sends it: see the runtime specification, "The Container
//! Process State".

use libc::pid_t;
use serde::Deserialize;

/// The name that the listener has in the list of descriptors.
const LISTENER: &str = "seccompFd";

/// What a runtime says of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The runtime's name for the container, which may be used again when the container is gone.
    pub id: String,
    /// The container's first process, in the agent's PID namespace. crun 1.8 doesn't say it of what is
    /// started in the container later.
    pub init: Option<pid_t>,
    /// `listenerMetadata` of the profile.
    pub metadata: String,
    /// The listener's place among the descriptors.
    pub listener: usize,
}

/// Why a text is no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It isn't whole yet.
    Incomplete,
    /// What is wrong with it.
    Mistake(String),
}

#[derive(Deserialize)]
struct Message {
    fds: Vec<String>,
    #[serde(default)]
    metadata: String,
    state: Inner,
}

#[derive(Deserialize)]
struct Inner {
    id: String,
    pid: Option<pid_t>,
}

impl State {
    /// Reads it.
    ///
    /// # Errors
    /// It isn't whole, or no state of a process with a listener.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let message: Message = serde_json::from_slice(text).map_err(|error| {
            if error.is_eof() {
                Error::Incomplete
            } else {
                Error::Mistake(format!("the container's state: {error}"))
            }
        })?;
        let mistake = |why: &str| Error::Mistake(format!("the container's state: {why}"));
        let mut names = message.fds.iter();
        let listener = names
            .position(|name| name == LISTENER)
            .ok_or_else(|| mistake("fds: expected a seccompFd"))?;
        Ok(Self {
            id: message.state.id,
            init: message.state.pid.filter(|&pid| pid > 0),
            metadata: message.metadata,
            listener,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        match State::parse(text.as_bytes()) {
            Err(Error::Mistake(why)) => why,
            parsed => panic!("{text}: {parsed:?}"),
        }
    }

    /// What the specification has as its example, shortened.
    #[test]
    fn a_state() {
        let text = r#"{"ociVersion": "1.0.2", "fds": ["other", "seccompFd"], "pid": 4422,
            "metadata": "web", "state": {"ociVersion": "1.0.2", "id": "one", "status": "creating",
            "pid": 4400, "bundle": "/bundles/one", "annotations": {"a": "b"}}}"#;
        let expected = State {
            id: "one".to_owned(),
            init: Some(4400),
            metadata: "web".to_owned(),
            listener: 1,
        };
        assert_eq!(State::parse(text.as_bytes()), Ok(expected));
        for end in 0..text.len() {
            let begun = State::parse(&text.as_bytes()[..end]);
            assert_eq!(begun, Err(Error::Incomplete), "{end}");
        }
    }

    #[test]
    fn what_is_none() {
        assert!(mistake("garbage").contains("expected value at line 1"));
        assert!(mistake("{}").contains("missing field `fds`"));
        let without = r#"{"fds": ["other"], "state": {"id": "one"}}"#;
        assert!(mistake(without).contains("expected a seccompFd"));
        let deep = format!("{{\"other\": {}", "[".repeat(100_000));
        let parsed = State::parse(deep.as_bytes());
        assert_eq!(parsed, Err(Error::Incomplete), "no depth is too much");
    }

    #[test]
    fn a_first_process_that_is_not_said() {
        for pid in ["", r#", "pid": 0"#, r#", "pid": -1"#] {
            let text =
                format!(r#"{{"fds": ["seccompFd"], "pid": 7, "state": {{"id": "one"{pid}}}}}"#);
            let state = State::parse(text.as_bytes()).expect(&text);
            assert_eq!(state.init, None, "{text}");
        }
    }
}
