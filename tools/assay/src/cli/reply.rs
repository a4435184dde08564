//! What a command answers, in both forms.

use crate::error::{Error, Result};
use serde::Serialize;
use std::fmt::Display;

/// A command's answer.
pub struct Reply {
    /// One JSON object.
    pub json: String,
    /// For people.
    pub text: String,
    /// The exit status.
    pub status: u8,
}

impl Reply {
    /// An answer with status 0.
    pub fn new(body: &impl Serialize, text: impl Into<String>) -> Result<Self> {
        let json = serde_json::to_string_pretty(body).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self { json, text: text.into(), status: 0 })
    }

    /// The same with another status.
    pub fn with_status(self, status: u8) -> Self {
        Self { status, ..self }
    }
}

/// Lines of names and values, the values in one column.
#[derive(Default)]
pub struct Lines(Vec<(String, String)>);

impl Lines {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(mut self, name: &str, value: impl Display) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    /// One more, if there is a value.
    pub fn add_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.add(name, value),
            None => self,
        }
    }

    /// The text.
    pub fn text(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        self.0.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
    }
}

/// A table for people.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}
