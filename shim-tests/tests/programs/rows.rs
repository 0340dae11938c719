//! Tables of tests.

/// Makes a test of each row of a table: `NAME: ARGUMENTS;` calls the table's function with them.
macro_rules! rows {
    ($check:ident: $($(#[$about:meta])* $name:ident: $($argument:expr),+;)+) => {
        $(
            $(#[$about])*
            #[test]
            fn $name() {
                $check($($argument),+);
            }
        )+
    };
}

pub(crate) use rows;
