//! Reads the forms of a page, as much as a person's browser needs to fill one in and send it.
//!
//! Not an HTML parser: it understands the well-formed markup of the pages of this project's own sandbox and function
//! app, and reports nothing where it finds no form.

/// A form on a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Form {
    /// Where it is sent; empty means the page's own address.
    pub(super) action: String,
    /// Whether it is sent by POST.
    pub(super) post: bool,
    /// The inputs that have a name and are no buttons.
    pub(super) fields: Vec<(String, String)>,
    /// The buttons that send it.
    pub(super) buttons: Vec<Button>,
}

/// A button that sends its form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Button {
    /// What is sent for it, when it has a name.
    pub(super) field: Option<(String, String)>,
    /// What a person reads on it.
    pub(super) label: String,
}

/// Every form of the page, in order.
pub(super) fn forms(html: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut current: Option<Form> = None;
    let mut rest = html;
    while let Some((tag, after)) = next_tag(rest) {
        rest = after;
        match (tag.name().as_str(), current.as_mut()) {
            ("form", _) => current = Some(opened(&tag)),
            ("/form", Some(_)) => forms.extend(current.take()),
            ("input", Some(form)) => add_input(form, &tag),
            ("select", Some(form)) => form.fields.extend(tag.attribute("name").zip(chosen(after))),
            ("button", Some(form)) => add_button(form, &tag, after),
            _ => {}
        }
    }
    forms
}

fn opened(tag: &Tag<'_>) -> Form {
    let post = tag.attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
    Form { action: tag.attribute("action").unwrap_or_default(), post, ..Form::default() }
}

fn add_input(form: &mut Form, tag: &Tag<'_>) {
    let value = tag.attribute("value").unwrap_or_default();
    let field = tag.attribute("name").map(|name| (name, value.clone()));
    match tag.attribute("type").as_deref() {
        Some("submit") => form.buttons.push(Button { field, label: value }),
        _ => form.fields.extend(field),
    }
}

/// The value of a list's chosen entry, or of its first one when none is chosen; `html` follows the opening tag.
fn chosen(html: &str) -> Option<String> {
    let mut first = None;
    let mut rest = html;
    while let Some((tag, after)) = next_tag(rest) {
        rest = after;
        match tag.name().as_str() {
            "option" if tag.attribute("selected").is_some() => return tag.attribute("value"),
            "option" => first = first.or_else(|| tag.attribute("value")),
            "/select" => break,
            _ => {}
        }
    }
    first
}

fn add_button(form: &mut Form, tag: &Tag<'_>, after: &str) {
    if matches!(tag.attribute("type").as_deref(), Some("button" | "reset")) {
        return;
    }
    let value = tag.attribute("value").unwrap_or_default();
    let label = after.split("</button").next().unwrap_or_default();
    let label = unescaped(&without_tags(label));
    form.buttons.push(Button { field: tag.attribute("name").map(|name| (name, value)), label });
}

fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => text.push(character),
            _ => {}
        }
    }
    text.trim().to_owned()
}

/// What stands between `<` and `>`.
struct Tag<'a>(&'a str);

fn next_tag(html: &str) -> Option<(Tag<'_>, &str)> {
    let html = &html[html.find('<')? + 1..];
    if let Some(comment) = html.strip_prefix("!--") {
        return next_tag(&comment[comment.find("-->")? + 3..]);
    }
    let mut quote = None;
    for (at, character) in html.char_indices() {
        match (quote, character) {
            (None, '>') => return Some((Tag(&html[..at]), &html[at + 1..])),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    None
}

impl Tag<'_> {
    fn name(&self) -> String {
        self.0
            .split([' ', '\n', '\t', '\r'])
            .next()
            .unwrap_or_default()
            .trim_end_matches('/')
            .to_ascii_lowercase()
    }

    /// The value of an attribute; an attribute without a value has the empty one.
    fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.0.split_once(char::is_whitespace)?.1;
        loop {
            rest = rest.trim_start_matches(|character: char| character.is_whitespace() || character == '/');
            let end = rest
                .find(|character: char| character == '=' || character.is_whitespace())
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() {
                return None;
            }
            let (value, after) = match after.strip_prefix('=') {
                Some(after) => value_of(after),
                None => ("", after),
            };
            if name.eq_ignore_ascii_case(wanted) {
                return Some(unescaped(value));
            }
            rest = after;
        }
    }
}

fn value_of(text: &str) -> (&str, &str) {
    let quote = text.chars().next().filter(|character| matches!(character, '"' | '\''));
    match quote {
        Some(quote) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
        None => text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())),
    }
}

/// The character references that HTML generators write into attributes.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_form_is_read_with_its_fields_and_buttons() {
        let html = r#"<html><body><!-- <form action="/no"> --><p a="x>y">Hello</p>
            <form method="POST" action="/t/adminconsent?a=1&amp;b=2">
              <input type="hidden" name="state" value="a &quot;b&quot;">
              <input type=hidden name=plain value=yes />
              <button type="submit" name="decision" value="accept"><b>Accept</b></button>
              <button type="submit" name="decision" value="cancel">Cancel</button>
              <button type="button">Help</button>
            </form></body></html>"#;
        let expected = Form {
            action: "/t/adminconsent?a=1&b=2".into(),
            post: true,
            fields: vec![("state".into(), "a \"b\"".into()), ("plain".into(), "yes".into())],
            buttons: vec![
                Button { field: Some(("decision".into(), "accept".into())), label: "Accept".into() },
                Button { field: Some(("decision".into(), "cancel".into())), label: "Cancel".into() },
            ],
        };
        assert_eq!(forms(html), vec![expected]);
    }

    #[test]
    fn a_submit_input_is_a_button_and_a_form_without_method_is_not_a_post() {
        let form = &forms("<form><input type=submit value='Go'></form>")[0];
        assert_eq!((form.post, form.buttons[0].label.as_str(), &form.buttons[0].field), (false, "Go", &None));
    }

    #[test]
    fn a_list_sends_its_chosen_entry_or_else_its_first() {
        let list = |second: &str| {
            format!(
                "<form><select name=who><option value=a>A</option><option value=b {second}>B</option></select>\
                 <select name=none></select></form>"
            )
        };
        assert_eq!(forms(&list("selected"))[0].fields, vec![("who".into(), "b".into())]);
        assert_eq!(forms(&list(""))[0].fields, vec![("who".into(), "a".into())]);
    }

    #[test]
    fn a_page_without_a_whole_form_has_none() {
        for html in
            ["", "no markup", "<form action=x>", "<p", "<form action=\"", "<!-- <form></form>", "</form>"]
        {
            assert_eq!(forms(html), vec![], "{html}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_page_makes_it_panic(html in "[<>a-z=\"'/ !-]{0,80}|(<form|<input|<button|</form>| name=| value=\"|>|&amp;|ü){0,20}") {
            let _ = forms(&html);
        }
    }
}
