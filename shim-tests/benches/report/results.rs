//! The results folder: report.md and its charts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Failure;

/// What has been found so far, printed as it is found.
pub struct Results {
    folder: PathBuf,
    text: String,
}

impl Results {
    pub fn create(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            text: String::new(),
        })
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

    /// Adds a chart that `draw` draws into the file that it is given.
    pub fn chart(
        &mut self,
        file: &str,
        caption: &str,
        draw: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        draw(&self.folder.join(file))?;
        self.paragraph(&format!("![{caption}]({file})"));
        Ok(())
    }

    /// Writes down what there is so far.
    pub fn save(&self) -> Result<(), Failure> {
        let text = format!("{}\n", self.text.trim_end());
        fs::write(self.folder.join("report.md"), text)?;
        Ok(())
    }
}
