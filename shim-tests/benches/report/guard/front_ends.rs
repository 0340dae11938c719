//! How the programs of this part are run.

use std::fs;
use std::path::PathBuf;

use crate::artifacts::Artifacts;
use crate::command::Failure;
use crate::variants::{Source, Variant, Variants};

/// What all measurements of the guard compare.
pub struct FrontEnds<'a> {
    pub artifacts: &'a Artifacts,
    /// None: the base of all ratios.
    pub none: Variant<'a>,
    /// The library, whose policy is in a variable.
    pub library: Variant<'a>,
    /// A supervisor that only answers.
    pub round_trip: Variant<'a>,
    pub guard: Variant<'a>,
}

impl<'a> FrontEnds<'a> {
    pub fn new(variants: &Variants<'a>) -> Result<Self, Failure> {
        let none = variants.no_library();
        let guard = variants.artifacts.directory().join("ipaddr-guard");
        let built = shim_tests::guard();
        fs::copy(built, &guard).map_err(|error| format!("{}: {error}", built.display()))?;
        let under = |name: &str, source, prefix: Vec<PathBuf>| Variant {
            name: name.to_owned(),
            source,
            prefix,
            ..none.clone()
        };
        let options = ["--ip", "127.0.0.2", "--"].map(PathBuf::from);
        let guard = [guard].into_iter().chain(options).collect();
        Ok(Self {
            artifacts: variants.artifacts,
            library: variants.by_variable(),
            round_trip: under(
                "round trip only",
                Source::Any,
                vec![variants.artifacts.round_trip.clone()],
            ),
            guard: under("guard", Source::Assigned, guard),
            none,
        })
    }

    /// All, for dynamically linked programs.
    pub fn all(&self) -> Vec<Variant<'a>> {
        let all = [&self.none, &self.library, &self.round_trip, &self.guard];
        all.map(Variant::clone).into()
    }

    /// Without the library, which static programs are out of reach of.
    pub fn for_static(&self) -> Vec<Variant<'a>> {
        [&self.none, &self.round_trip, &self.guard]
            .map(Variant::clone)
            .into()
    }
}
