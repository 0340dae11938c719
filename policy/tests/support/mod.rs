//! What the tests of rules share: memory for them.

// Each test uses its part.
#![allow(dead_code)]

use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::{Builder, Memory, PortRange, Rule, RuleFile, RuleSet};
use ipaddr_policy::text::Shown;

/// A builder with room for so many rules; its memory is never given back.
pub fn builder(rules: usize) -> Builder<'static> {
    Builder::new(Memory {
        files: vec![RuleFile::EMPTY; 16].leak(),
        rules: vec![Rule::EMPTY; rules].leak(),
        ports: vec![PortRange::EMPTY; 2 * rules].leak(),
        index: vec![Entry::EMPTY; 2 * rules].leak(),
        names: vec![0; 512].leak(),
    })
}

/// The rules of one file that is called `rules`, or the message.
pub fn rules(text: &str) -> Result<RuleSet<'static>, String> {
    let mut builder = builder(16 + 2 * text.lines().count());
    match builder.read(&"rules", text.as_bytes()) {
        Ok(()) => Ok(builder.finish(&"")),
        Err(error) => Err(Shown(("rules:", error)).to_string()),
    }
}
