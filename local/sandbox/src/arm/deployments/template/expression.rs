//! The language between brackets: `[concat(parameters('a'), '-x')]`, taken apart.
//!
//! Microsoft Learn, "Syntax and expressions in ARM templates".

use std::iter::Peekable;
use std::str::Chars;

/// One expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Text(String),
    Number(i64),
    Call {
        function: String,
        arguments: Vec<Expression>,
    },
    /// `of.name`, and `of[name]` with any expression for the name.
    Part {
        of: Box<Expression>,
        name: Box<Expression>,
    },
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A number with a point begins here.
    Float {
        position: usize,
    },
    Other(String),
}

impl From<String> for Unreadable {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

impl From<&str> for Unreadable {
    fn from(why: &str) -> Self {
        Self::Other(why.to_owned())
    }
}

/// What a text value of a template is: an expression, or itself. `[[` at its beginning stands for one bracket.
pub(super) fn of_text(text: &str) -> Result<Option<Expression>, Unreadable> {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inside {
        Some(inside) if !inside.starts_with('[') => parse(inside).map(Some),
        _ => Ok(None),
    }
}

/// A text that is no expression, as it is meant.
pub(super) fn literal(text: &str) -> &str {
    if text.starts_with("[[") { &text[1..] } else { text }
}

impl Expression {
    /// Every call in it, itself included.
    pub(super) fn calls(&self) -> Vec<(&str, &[Self])> {
        match self {
            Self::Text(_) | Self::Number(_) => Vec::new(),
            Self::Part { of, name } => [of, name].into_iter().flat_map(|part| part.calls()).collect(),
            Self::Call { function, arguments } => {
                let inner = arguments.iter().flat_map(Self::calls);
                std::iter::once((function.as_str(), arguments.as_slice())).chain(inner).collect()
            }
        }
    }
}

/// Deeper than any template; what is parsed by recursion must have an end.
const DEEPEST: u32 = 64;

fn parse(text: &str) -> Result<Expression, Unreadable> {
    let mut parser = Parser { letters: text.chars().peekable(), whole: text, depth: 0 };
    let expression = parser.expression()?;
    parser.blanks();
    match parser.letters.next() {
        None => Ok(expression),
        Some(rest) => Err(format!("'{rest}' is not expected after the end of the expression").into()),
    }
}

struct Parser<'a> {
    letters: Peekable<Chars<'a>>,
    whole: &'a str,
    depth: u32,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Expression, Unreadable> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("the expression is nested deeper than {DEEPEST} levels").into());
        }
        self.blanks();
        let mut expression = match self.letters.peek() {
            Some('\'') => self.text()?,
            Some('-' | '0'..='9') => self.number()?,
            Some(letter) if letter.is_alphabetic() || *letter == '_' => self.call()?,
            Some(letter) => return Err(format!("'{letter}' begins no expression").into()),
            None => return Err("the expression ends too soon".into()),
        };
        while let Some(opening) = self.next_if(|letter| letter == '.' || letter == '[') {
            let name = if opening == '.' { Expression::Text(self.name()?) } else { self.expression()? };
            if opening == '[' {
                self.expect(']')?;
            }
            expression = Expression::Part { of: Box::new(expression), name: Box::new(name) };
        }
        self.depth -= 1;
        Ok(expression)
    }

    /// `''` inside stands for one quote.
    fn text(&mut self) -> Result<Expression, Unreadable> {
        self.letters.next();
        let mut text = String::new();
        loop {
            match self.letters.next() {
                Some('\'') if self.letters.next_if_eq(&'\'').is_some() => text.push('\''),
                Some('\'') => return Ok(Expression::Text(text)),
                Some(letter) => text.push(letter),
                None => return Err("a text has no end".into()),
            }
        }
    }

    fn number(&mut self) -> Result<Expression, Unreadable> {
        let position = self.whole.chars().count() - self.letters.clone().count();
        let mut digits = String::from(self.letters.next().unwrap_or_default());
        while let Some(digit) = self.letters.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        if self.letters.peek() == Some(&'.') {
            return Err(Unreadable::Float { position });
        }
        digits.parse().map(Expression::Number).map_err(|_| format!("'{digits}' is no whole number").into())
    }

    fn call(&mut self) -> Result<Expression, Unreadable> {
        let mut function = self.name()?;
        // A function that the template defines has a namespace.
        if self.next_if(|letter| letter == '.').is_some() {
            function = format!("{function}.{}", self.name()?);
        }
        self.expect('(')?;
        let mut arguments = Vec::new();
        if self.next_if(|letter| letter == ')').is_some() {
            return Ok(Expression::Call { function, arguments });
        }
        loop {
            arguments.push(self.expression()?);
            if self.next_if(|letter| letter == ',').is_none() {
                self.expect(')')?;
                return Ok(Expression::Call { function, arguments });
            }
        }
    }

    fn name(&mut self) -> Result<String, Unreadable> {
        let mut name = String::new();
        while let Some(letter) = self.letters.next_if(|letter| letter.is_alphanumeric() || *letter == '_') {
            name.push(letter);
        }
        if name.is_empty() { Err("a name is expected".into()) } else { Ok(name) }
    }

    fn expect(&mut self, wanted: char) -> Result<(), Unreadable> {
        let found = self.next_if(|letter| letter == wanted);
        found.map(drop).ok_or_else(|| format!("'{wanted}' is expected").into())
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.blanks();
        self.letters.next_if(|letter| wanted(*letter))
    }

    fn blanks(&mut self) {
        while self.letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_expressions_or_themselves() {
        for plain in ["", "x", "[", "[x", "x]", "[[x]", "[[parameters('a')]"] {
            assert_eq!(of_text(plain), Ok(None), "{plain}");
        }
        assert_eq!(literal("[[x]"), "[x]");
        let call = |function: &str, arguments| Expression::Call { function: function.into(), arguments };
        let part = |of, name: &str| Expression::Part {
            of: Box::new(of),
            name: Box::new(Expression::Text(name.into())),
        };
        let table = [
            ("['it''s']", Expression::Text("it's".into())),
            ("[ -5 ]", Expression::Number(-5)),
            ("[__own.names()]", call("__own.names", vec![])),
            ("[f()]", call("f", vec![])),
            ("[f( 'a' , g(1) ).b['c']]", {
                let inner = call("g", vec![Expression::Number(1)]);
                part(part(call("f", vec![Expression::Text("a".into()), inner]), "b"), "c")
            }),
        ];
        for (text, expected) in table {
            assert_eq!(of_text(text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        let deep = format!("[{}1{}]", "f(".repeat(100), ")".repeat(100));
        for text in
            ["[]", "[x]", "[f(]", "[f(1]", "[f(1,)]", "['x]", "[f() g()]", "[f().]", "[f()[1]", "[+]", &deep]
        {
            assert!(of_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_call_is_found() {
        let found = of_text("[a(b('x')).c[d()]]").unwrap().unwrap();
        let names: Vec<&str> = found.calls().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "d"]);
    }
}
