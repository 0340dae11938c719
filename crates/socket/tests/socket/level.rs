//! The words of `$IPADDR_LOG`.

use ipaddr_socket::Level;

#[test]
fn each_level_has_a_word_and_says_more_than_the_one_before() {
    let levels = ["off", "error", "info", "debug"].map(|word| Level::named(word.as_bytes()));
    assert!(
        levels.is_sorted() && levels.iter().all(Option::is_some),
        "{levels:?}"
    );
    assert_eq!(levels[1], Some(Level::Error));
}

#[test]
fn other_words_are_none() {
    for word in ["", "Info", "info ", "warn", "3"] {
        assert_eq!(Level::named(word.as_bytes()), None, "{word}");
    }
}
