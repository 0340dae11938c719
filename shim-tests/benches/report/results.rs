//! The directory of a run: report.md with its charts, and raw.csv with each value.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use csv::Writer;

use crate::command::Failure;
use crate::table;
use crate::variants::Variant;

/// What has been found so far, printed as it is found.
pub struct Results {
    directory: PathBuf,
    text: String,
    raw: Writer<File>,
}

impl Results {
    /// In a new directory inside of `parent`: no earlier run is overwritten.
    pub fn create(parent: &Path, label: &str) -> Result<Self, Failure> {
        let directory = new_directory(parent, label)
            .map_err(|error| format!("{}: {error}", parent.display()))?;
        let mut raw = Writer::from_path(directory.join("raw.csv"))?;
        raw.write_record(["measurement", "unit", "variant", "round", "value"])?;
        Ok(Self {
            directory,
            text: String::new(),
            raw,
        })
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn heading(&mut self, text: &str) {
        self.paragraph(&format!("## {text}"));
    }

    /// A paragraph, or a table.
    pub fn paragraph(&mut self, text: &str) {
        let text = text.trim_end();
        println!("{text}\n");
        self.text += &format!("{text}\n\n");
    }

    /// A measurement under a title of its own: for each variant its values, one a round, and their
    /// ratios to the variants `bases`.
    pub fn measurement(
        &mut self,
        title: &str,
        unit: &str,
        variants: &[Variant],
        values: &[Vec<f64>],
        bases: &[usize],
    ) -> Result<(), Failure> {
        self.paragraph(&format!("### {title}"));
        self.paragraph(&table::figures(unit, variants, values, bases));
        for (variant, values) in variants.iter().zip(values) {
            self.raw(title, unit, &variant.name, values)?;
        }
        Ok(())
    }

    /// Keeps the values of one variant, one a round.
    pub fn raw(
        &mut self,
        measurement: &str,
        unit: &str,
        variant: &str,
        values: &[f64],
    ) -> Result<(), Failure> {
        for (round, value) in (1_u32..).zip(values) {
            let [round, value] = [round.to_string(), value.to_string()];
            let record = [measurement, unit, variant, &round, &value];
            self.raw.write_record(record)?;
        }
        Ok(())
    }

    /// Adds a chart that `draw` draws into the file that it is given.
    pub fn chart(
        &mut self,
        file: &str,
        caption: &str,
        draw: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        draw(&self.directory.join(file))?;
        self.paragraph(&format!("![{caption}]({file})"));
        Ok(())
    }

    /// Writes down what there is so far.
    pub fn save(&mut self) -> Result<(), Failure> {
        let text = format!("{}\n", self.text.trim_end());
        fs::write(self.directory.join("report.md"), text)?;
        self.raw.flush()?;
        Ok(())
    }
}

/// `LABEL`, or, where that exists, `LABEL-run-2` and so on.
fn new_directory(parent: &Path, label: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(parent)?;
    let mut directory = parent.join(label);
    let mut run = 1;
    loop {
        match fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Err(_) => run += 1,
        }
        directory = parent.join(format!("{label}-run-{run}"));
    }
}
