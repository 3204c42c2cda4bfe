//! The differences that stay, each with its reason. `docs/functions-host.md` names them for people.

/// Cases in which this host does something else than Microsoft's.
pub(crate) struct Difference {
    /// `{file}/{case}`; a `*` at the end stands for anything.
    pub(crate) cases: &'static [&'static str],
    pub(crate) reason: &'static str,
}

impl Difference {
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.cases.iter().any(|case| match case.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *case == name,
        })
    }
}

pub(crate) const DIFFERENCES: &[Difference] = &[];
