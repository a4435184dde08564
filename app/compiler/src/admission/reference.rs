//! The reference page of operators, written from the lists that admission decides by.

use super::{attributes, facts, graph, ops};
use std::fmt::Write;

/// Columns of the page.
const WIDTH: usize = 118;

/// The page `docs/reference/operators.md`.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    let (first, last) = (graph::OPERATOR_SETS.start(), graph::OPERATOR_SETS.end());
    paragraph(
        &mut page,
        &format!(
            "A model is an ONNX file with an operator set of `ai.onnx` from {first} to {last}. Tensors hold \
             f32, i64, i32, i8, u8 or bool, in up to 8 dims. Every dim is known when the model is published: \
             fix open ones with `--shape x=1,4`. Operators that may be used are listed by domain, with the \
             element types that they take, the operator set that they first stand in if it is later than \
             {first}, and their limits. An attribute that the compiler does not know is refused."
        ),
    );
    paragraph(
        &mut page,
        "Text has no place in a tensor. Text labels of a classifier become their positions in the list of labels, and \
         the output is i64; `assay model inspect` names them. Text that a model takes in is refused: encode it as \
         numbers before the model. Loops, functions of a model's own, sparse tensors and data in \
         other files are refused.",
    );
    for domain in ["ai.onnx", "ai.onnx.ml", "com.microsoft"] {
        let mut names: Vec<_> =
            ops::supported().filter(|entry| entry.0 == domain).map(|entry| entry.1).collect();
        names.sort_unstable();
        if names.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {domain}\n");
        for name in names {
            item(&mut page, &entry(name));
        }
    }
    page.push_str(
        "\n## Refused\nOperators that are not listed have no lowering. These have a reason of their own:\n",
    );
    let mut refused: Vec<_> = ops::refused().collect();
    refused.sort_unstable();
    for (name, reason) in refused {
        item(&mut page, &format!("`{name}`: {reason}."));
    }
    page
}

fn entry(name: &str) -> String {
    let listed = |list: &[&str]| list.contains(&name);
    let types = facts::TYPES.iter().find(|(_, names)| listed(names)).map_or("f32", |(types, _)| types);
    let since = facts::SINCE.iter().find(|(_, names)| listed(names));
    let since = since.map_or_else(String::new, |(since, _)| format!("; from {since}"));
    let attributes = attributes::of(name);
    let attributes = match attributes {
        [] => String::new(),
        // Tables of numbers say nothing to a reader.
        many if many.len() > 12 => String::new(),
        few => format!(" Attributes: {}.", few.join(", ")),
    };
    let note = facts::NOTES.iter().find(|(named, _)| *named == name);
    let note = note.map_or_else(String::new, |(_, note)| format!(" {}.", note.trim_end_matches('.')));
    format!("`{name}` ({types}{since}).{attributes}{note}")
}

fn item(page: &mut String, text: &str) {
    wrap(page, &format!("- {text}"), "  ");
}

fn paragraph(page: &mut String, text: &str) {
    page.push('\n');
    wrap(page, text, "");
}

fn wrap(page: &mut String, text: &str, indent: &str) {
    let mut column = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if column > 0 && column + 1 + word.len() > WIDTH {
            page.push('\n');
            page.push_str(indent);
            column = indent.len();
        } else if column > 0 {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += word.len();
    }
    page.push('\n');
}

const HEAD: &str = "# Operators

<!-- Written by `cargo run -p assay-compiler --example operators_page`; do not edit. -->
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_what_the_generator_writes() {
        assert_eq!(include_str!("../../../../docs/reference/operators.md"), page());
    }

    #[test]
    fn facts_are_stated_once_and_of_operators_that_exist() {
        let known: Vec<_> = ops::supported().map(|entry| entry.1).collect();
        for (at, (name, _)) in facts::NOTES.iter().enumerate() {
            assert!(known.contains(name), "{name} has a note and may not be used");
            assert!(!facts::NOTES[..at].iter().any(|(other, _)| other == name), "{name} has two notes");
        }
        for list in [
            facts::TYPES.iter().map(|entry| entry.1).collect::<Vec<_>>(),
            facts::SINCE.iter().map(|entry| entry.1).collect(),
        ] {
            let mut names = list.concat();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count);
        }
    }

    #[test]
    fn every_line_fits() {
        assert!(page().lines().all(|line| line.len() <= WIDTH && line.is_ascii()));
    }
}
