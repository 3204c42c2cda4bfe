//! Shows the story on a terminal: one line as each thing happens.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::story::{Line, Mood, Who};

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(bool);

impl Colour {
    /// Only on a terminal, and not where `NO_COLOR` is set to anything (<https://no-color.org>) or the terminal is dumb.
    #[must_use]
    pub fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(io::stdout().is_terminal() && !refused && !dumb)
    }

    /// Never.
    #[must_use]
    pub const fn none() -> Self {
        Self(false)
    }

    /// Puts an ANSI colour around a text.
    #[must_use]
    pub fn paint(self, code: &str, text: &str) -> String {
        if self.0 && !code.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Shows every line on stdout until the story ends.
#[must_use]
pub fn show(mut lines: UnboundedReceiver<Line>, colour: Colour) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            show_line(&line, colour);
        }
    })
}

/// Shows one line on stdout.
pub fn show_line(line: &Line, colour: Colour) {
    // Whoever closed our stdout does not want to hear more; the story goes on without them.
    let _ = writeln!(io::stdout(), "{}", text_of(line, colour));
}

fn text_of(line: &Line, colour: Colour) -> String {
    let who = colour.paint(colour_of(line.who), &format!("{:<11}", line.who));
    let at = colour.paint("2", &when(line.at));
    let function = match (&line.function, line.attempt) {
        (Some(function), Some(attempt)) => format!("{function} #{attempt}: "),
        (Some(function), None) => format!("{function}: "),
        (None, _) => String::new(),
    };
    let what = colour.paint(colour_of_mood(line.mood), &format!("{function}{}", one_line(&line.what)));
    match line.took {
        Some(took) => format!("{at}  {who}  {what} {}", colour.paint("2", &format!("({})", short(took)))),
        None => format!("{at}  {who}  {what}"),
    }
}

/// `  12.34 s`; from an hour on, which only a moved clock shows, `3 d 04:05`.
fn when(at: Duration) -> String {
    let minutes = at.as_secs() / 60;
    if minutes < 60 {
        return format!("{:7.2} s", at.as_secs_f64());
    }
    format!("{:3} d {:02}:{:02}", minutes / 1_440, minutes / 60 % 24, minutes % 60)
}

/// What others wrote may hold line feeds or control sequences: neither may reach the terminal.
fn one_line(text: &str) -> String {
    let text: String =
        text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A duration for people: `3 ms`, `1.25 s`.
#[must_use]
pub fn short(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.2} s", duration.as_secs_f64())
    }
}

const fn colour_of(who: Who) -> &'static str {
    match who {
        Who::World => "2",
        Who::Vendor => "34",
        Who::Marketplace => "35",
        Who::Customer => "36",
        Who::Latchkey => "1",
    }
}

const fn colour_of_mood(mood: Mood) -> &'static str {
    match mood {
        Mood::Plain => "",
        Mood::Good => "32",
        Mood::Pending => "33",
        Mood::Bad => "31",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            at: Duration::from_millis(12_340),
            who: Who::Latchkey,
            what: "retry: the grant\nis spreading \x1b[2J".into(),
            function: Some("key_shared".into()),
            attempt: Some(2),
            took: Some(Duration::from_millis(41)),
            mood: Mood::Pending,
        }
    }

    #[test]
    fn a_step_is_one_line_with_when_who_function_attempt_and_duration() {
        assert_eq!(
            text_of(&line(), Colour(false)),
            "  12.34 s  latchkey     key_shared #2: retry: the grant is spreading [2J (41 ms)"
        );
    }

    #[test]
    fn what_happens_after_an_hour_is_told_with_its_day() {
        let at = |seconds| when(Duration::from_secs(seconds));
        assert_eq!(at(3_599), "3599.00 s");
        assert_eq!(at(3_600), "  0 d 01:00");
        assert_eq!(at(366 * 86_400 + 5 * 3_600 + 7 * 60), "366 d 05:07");
    }

    #[test]
    fn what_a_person_does_is_one_line_without_function() {
        let line = Line {
            who: Who::Customer,
            function: None,
            attempt: None,
            took: None,
            what: "consents".into(),
            ..line()
        };
        assert_eq!(text_of(&line, Colour(false)), "  12.34 s  customer     consents");
    }

    #[test]
    fn colour_surrounds_the_same_text() {
        assert_eq!(
            text_of(&line(), Colour(true)),
            "\x1b[2m  12.34 s\x1b[0m  \x1b[1mlatchkey   \x1b[0m  \
             \x1b[33mkey_shared #2: retry: the grant is spreading [2J\x1b[0m \x1b[2m(41 ms)\x1b[0m"
        );
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(short(Duration::from_millis(999)), "999 ms");
        assert_eq!(short(Duration::from_millis(1_250)), "1.25 s");
    }
}
