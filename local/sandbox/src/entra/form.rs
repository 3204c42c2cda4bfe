//! The parameters of a form, as OAuth sends them.

use url::form_urlencoded;

use super::fault::EntraFault;

/// A form's parameters; of a repeated one the first counts, and an empty one is none.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, EntraFault> {
        self.get(name).ok_or_else(|| EntraFault::missing_parameter(name))
    }
}
