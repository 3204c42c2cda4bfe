//! JSON as Newtonsoft.Json reads it (`JsonTextReader.cs`): with comments, single quotes, names without quotes, commas at
//! the end, `NaN`, hexadecimal and octal numbers.

use super::date::Date;
use super::number::Number;
use super::{Json, JsonError};

/// What is read how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Texts that are instants become dates.
    pub(super) dates: bool,
    /// Whatever stands behind the value is left alone.
    pub(super) ignores_the_rest: bool,
    /// How deep values may lie in each other.
    pub(super) depth: usize,
}

pub(super) fn parse(text: &str, rules: Rules) -> Result<Json, JsonError> {
    let mut parser = Parser { text, at: 0, rules };
    let value = parser.value(0)?;
    if rules.ignores_the_rest {
        return Ok(value);
    }
    parser.skip_blanks()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("something stands behind the value")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    rules: Rules,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn takes(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn error(&self, reason: &'static str) -> JsonError {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        JsonError { line, column, reason }
    }

    fn skip_blanks(&mut self) -> Result<(), JsonError> {
        loop {
            if self.takes("//") {
                let end = self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
                self.at += end;
            } else if self.takes("/*") {
                let end = self.rest().find("*/").ok_or_else(|| self.error("a comment does not end"))?;
                self.at += end + 2;
            } else if self.peek().is_some_and(char::is_whitespace) {
                self.next();
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.skip_blanks()?;
        match self.peek() {
            Some('{' | '[') if depth >= self.rules.depth => {
                Err(self.error("values lie too deep in each other"))
            }
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"' | '\'') => {
                let text = self.string()?;
                let date = if self.rules.dates { Date::of(&text) } else { None };
                Ok(date.map_or(Json::String(text), Json::Date))
            }
            Some(first) if first.is_ascii_digit() || matches!(first, '-' | '.') => self.number(),
            Some(first) if first.is_ascii_alphabetic() => self.word(),
            Some(_) => Err(self.error("no value begins like this")),
            None => Err(self.error("a value is missing")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.next();
        let mut members: Vec<(String, Json)> = Vec::new();
        loop {
            self.skip_blanks()?;
            if self.takes("}") {
                return Ok(Json::Object(members));
            }
            let name = self.name()?;
            self.skip_blanks()?;
            if !self.takes(":") {
                return Err(self.error("a colon is missing"));
            }
            let value = self.value(depth + 1)?;
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => members.push((name, value)),
            }
            self.skip_blanks()?;
            if !self.takes(",") && self.peek() != Some('}') {
                return Err(self.error("a comma or a closing brace is missing"));
            }
        }
    }

    fn name(&mut self) -> Result<String, JsonError> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.string();
        }
        let allowed = |next: char| next.is_alphanumeric() || matches!(next, '_' | '$');
        let end = self.rest().find(|next| !allowed(next)).unwrap_or(self.rest().len());
        if end == 0 {
            return Err(self.error("a name is missing"));
        }
        let name = self.rest()[..end].to_owned();
        self.at += end;
        Ok(name)
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.next();
        let mut items = Vec::new();
        loop {
            self.skip_blanks()?;
            if self.takes("]") {
                return Ok(Json::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.skip_blanks()?;
            if !self.takes(",") && self.peek() != Some(']') {
                return Err(self.error("a comma or a closing bracket is missing"));
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.error("a text does not end")),
                end if end == quote => return Ok(text),
                Some('\\') => text.push(self.escaped()?),
                Some(other) => text.push(other),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, JsonError> {
        Ok(match self.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(same @ ('"' | '\'' | '\\' | '/')) => same,
            Some('u') => self.unicode()?,
            _ => return Err(self.error("no character is escaped like this")),
        })
    }

    /// A surrogate without its partner is no character: .NET keeps it, and loses it when it writes UTF-8.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.four_digits()?;
        if !(0xd800..0xe000).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let behind = self.at;
        if first < 0xdc00 && self.takes("\\u") {
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = behind;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let digits =
            self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.error("four hexadecimal digits are missing"))?;
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        if self.takes("-Infinity") {
            return Ok(Json::Number(Number::Double(f64::NEG_INFINITY)));
        }
        let belongs = |next: char| next.is_ascii_hexdigit() || matches!(next, '+' | '-' | '.' | 'x' | 'X');
        let end = self.rest().find(|next| !belongs(next)).unwrap_or(self.rest().len());
        let number = number(&self.rest()[..end]).ok_or_else(|| self.error("this is no number"))?;
        self.at += end;
        Ok(Json::Number(number))
    }

    fn word(&mut self) -> Result<Json, JsonError> {
        let end = self.rest().find(|next: char| !next.is_ascii_alphanumeric()).unwrap_or(self.rest().len());
        let value = match &self.rest()[..end] {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            // Newtonsoft's `undefined` has no text, like its `null`.
            "null" | "undefined" => Json::Null,
            "NaN" => Json::Number(Number::Double(f64::NAN)),
            "Infinity" => Json::Number(Number::Double(f64::INFINITY)),
            _ => return Err(self.error("no value has this name")),
        };
        self.at += end;
        Ok(value)
    }
}

fn number(text: &str) -> Option<Number> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let in_radix = |digits: &str, radix| {
        let value = i64::from_str_radix(digits, radix).ok()?;
        Some(Number::Integer(if sign.is_empty() { value } else { -value }.to_string()))
    };
    if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return in_radix(digits, 16);
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty() {
        return match digits.strip_prefix('0') {
            Some(octal) if !octal.is_empty() => in_radix(octal, 8),
            // .NET has no negative whole zero.
            Some(_) => Some(Number::Integer("0".to_owned())),
            None => Some(Number::Integer(text.to_owned())),
        };
    }
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    text.parse().ok().map(Number::Double)
}
