//! The table as a page has it.

use std::fmt::Write as _;

use super::{Grant, Role, TABLE};

/// The table in Markdown, made of [`TABLE`]; `docs/access.md` has it.
pub fn table_as_markdown() -> String {
    let mut page = String::from("| permission | allows to |");
    for role in Role::ALL {
        // Writing to a string does not fail.
        let _ = write!(page, " {role} |");
    }
    page.push_str("\n| --- | --- |");
    page.push_str(&" --- |".repeat(Role::ALL.len()));
    page.push('\n');
    for row in TABLE {
        let words = row.permission.words().trim_end_matches('.');
        let mut letters = words.chars();
        let words: String = letters
            .next()
            .map(|first| first.to_ascii_lowercase())
            .into_iter()
            .chain(letters)
            .collect();
        let _ = write!(page, "| `{}` | {words} |", row.permission);
        for grant in row.grants {
            let _ = write!(
                page,
                " {} |",
                match grant {
                    Grant::No => "",
                    Grant::Own => "own calls",
                    Grant::Yes => "yes",
                    Grant::Named => "if named",
                }
            );
        }
        page.push('\n');
    }
    page
}
