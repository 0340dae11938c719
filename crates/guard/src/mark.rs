//! What the tree has latched, for others to read in the supervisor's memory (`ipaddrctl ps`).

use ipaddr_policy::mark::Mark;

#[used]
static MARK: Mark = Mark::new(concat!("libipaddr ", env!("CARGO_PKG_VERSION")));

/// Shows what is latched, for life.
pub fn put(latch: &[u8]) {
    let mut text = latch.to_vec();
    text.push(0);
    MARK.show(text.leak());
}
