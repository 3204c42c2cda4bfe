//! Which command line host.json makes, split as .NET splits one.
//!
//! The real host joins everything with spaces, does not quote the arguments, and lets .NET split the text again
//! (azure-functions-host, `DefaultWorkerProcessFactory.cs`; dotnet/runtime, `Process.Unix.cs`,
//! `ParseArgumentsIntoList`). So an argument with a space in it arrives as two, and quotes in it group.

use crate::configuration::custom_handler::CustomHandler;
use crate::settings::replace_names;

/// The executable and its arguments, `%NAME%` of the handler's own variables put in and unknown ones deleted.
pub(super) fn command_line(handler: &CustomHandler, variables: &[(&str, String)]) -> (String, Vec<String>) {
    let expand = |text: &str| {
        let expanded = replace_names(text, |name| {
            let known = variables.iter().find(|(variable, _)| *variable == name);
            Ok::<_, ()>(Some(known.map(|(_, value)| value.clone()).unwrap_or_default()))
        });
        expanded.expect("no name is refused")
    };
    let mut line = String::new();
    for argument in &handler.arguments {
        line.push(' ');
        line.push_str(&expand(argument));
    }
    if let Some(path) = handler.worker_path.as_deref().filter(|path| !path.is_empty()) {
        line.push_str(&format!(" \"{path}\""));
    }
    for argument in &handler.worker_arguments {
        line.push(' ');
        line.push_str(&expand(argument));
    }
    (expand(&handler.executable), split(&line))
}

/// Blanks separate, double quotes group, backslashes escape a quote only.
fn split(line: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' if !quoted => arguments.extend(current.take()),
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                current.get_or_insert_default().push('"');
            }
            '"' => {
                quoted = !quoted;
                current.get_or_insert_default();
            }
            '\\' => push_backslashes(&mut characters, current.get_or_insert_default()),
            other => current.get_or_insert_default().push(other),
        }
    }
    arguments.extend(current);
    arguments
}

/// Called after one backslash: 2n of them before a quote are n, 2n+1 are n and a plain quote, others are themselves.
fn push_backslashes(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, argument: &mut String) {
    let mut count = 1;
    while characters.next_if_eq(&'\\').is_some() {
        count += 1;
    }
    if characters.peek() != Some(&'"') {
        argument.extend(std::iter::repeat_n('\\', count));
        return;
    }
    argument.extend(std::iter::repeat_n('\\', count / 2));
    if count % 2 == 1 {
        characters.next();
        argument.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_split_as_dotnet_does() {
        let check = |line: &str, expected: &[&str]| assert_eq!(split(line), expected, "{line}");
        check("", &[]);
        check("  a  b ", &["a", "b"]);
        check(r#"a "b c" d"#, &["a", "b c", "d"]);
        check(r#"x="b c"y"#, &["x=b cy"]);
        check(r#""" a"#, &["", "a"]);
        check(r#"a\b \"c\" "\\""#, &[r"a\b", "\"c\"", r"\"]);
        check(r#""a""b""#, &["a\"b"]);
    }
}
