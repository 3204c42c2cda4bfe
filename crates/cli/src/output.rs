//! What the commands print, and how: text from elsewhere cannot write on the terminal.

use std::io::{self, Write as _};

use dead_letters::printable;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Prints text. Whoever closed our stdout does not want to hear more.
pub(crate) fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&printable::json(value)?);
    Ok(())
}

/// A time to the second.
pub(crate) fn moment(at: Option<OffsetDateTime>) -> String {
    let to_the_second = |at: OffsetDateTime| at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).ok();
    at.and_then(to_the_second).unwrap_or_else(|| "-".to_owned())
}

/// Text of a message, made harmless for a terminal.
pub(crate) fn harmless(text: &str) -> String {
    printable::text(text)
}

/// Text cut to a width.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let text = harmless(text);
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Columns as wide as what is in them.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&head).chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = vec![vec!["a".to_owned(), "bbb".to_owned()], vec!["cccc".to_owned(), "d".to_owned()]];
        assert_eq!(table(&["x", "y"], &rows), "x     y\na     bbb\ncccc  d");
    }

    #[test]
    fn a_message_cannot_write_on_the_terminal() {
        assert_eq!(cut("a\u{1b}[31mred\nnext", 40), "a\u{fffd}[31mred\u{fffd}next");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
