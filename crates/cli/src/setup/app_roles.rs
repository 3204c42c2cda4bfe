//! What the vendor's own people may be let do: the app roles of the sign-in application.

use serde_json::{Value as Json, json};
use uuid::{Uuid, uuid};

use super::piece::Difference;

/// Where Graph has them.
pub(super) const PROPERTY: &str = "appRoles";

struct AppRole {
    id: Uuid,
    value: &'static str,
    name: &'static str,
    description: &'static str,
}

/// Fixed ids: whoever was assigned a role keeps it when the set-up runs again.
const ROLES: [AppRole; 3] = [
    AppRole {
        id: uuid!("2b0f2c52-6a3e-4f0e-9b0d-6f6c0c7f1a01"),
        value: "Onboardings.Read",
        name: "Reader",
        description: "Reads onboardings, their history and their evidence.",
    },
    AppRole {
        id: uuid!("2b0f2c52-6a3e-4f0e-9b0d-6f6c0c7f1a02"),
        value: "Onboardings.Operate",
        name: "Operator",
        description: "Also checks, resumes and freezes onboardings, and works on dead letters.",
    },
    AppRole {
        id: uuid!("2b0f2c52-6a3e-4f0e-9b0d-6f6c0c7f1a03"),
        value: "Leaving.Approve",
        name: "Approver",
        description: "Approves what is undone when a customer leaves.",
    },
];

/// All of them, for a new application.
pub(super) fn all() -> Json {
    ROLES.iter().map(AppRole::shown).collect()
}

/// Those that are there, and those that are missing or wrong put right. Graph replaces the whole list.
pub(super) fn added_to(there: &Json) -> Json {
    let there = there.as_array().into_iter().flatten();
    let others = there.filter(|role| !ROLES.iter().any(|ours| ours.is(role))).cloned();
    others.chain(ROLES.iter().map(AppRole::shown)).collect()
}

/// What is wrong with those that are there. Others than these are nobody's mistake.
pub(super) fn wrong(there: &Json) -> Vec<Difference> {
    let mut wrong = Vec::new();
    for ours in &ROLES {
        let found = there.as_array().into_iter().flatten().find(|role| ours.is(role));
        let is = match found {
            None => "missing",
            Some(role) if role["isEnabled"] != true => "disabled",
            Some(_) => continue,
        };
        wrong.push(Difference::new(PROPERTY, format!("{} is {is}", ours.value), "enabled"));
    }
    wrong
}

impl AppRole {
    fn is(&self, role: &Json) -> bool {
        role["value"] == self.value
    }

    fn shown(&self) -> Json {
        json!({
            "id": self.id,
            "value": self.value,
            "displayName": self.name,
            "description": self.description,
            "allowedMemberTypes": ["User"],
            "isEnabled": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_missing_or_disabled_is_put_right_and_those_of_others_stay() {
        let mut there = all();
        there[1]["isEnabled"] = json!(false);
        there[2] = json!({ "value": "Theirs", "isEnabled": true });
        let is: Vec<String> = wrong(&there).into_iter().map(|difference| difference.is).collect();
        assert_eq!(is, ["Onboardings.Operate is disabled", "Leaving.Approve is missing"]);
        let mended = added_to(&there);
        assert_eq!(wrong(&mended), []);
        assert_eq!(mended.as_array().unwrap().len(), 4);
        assert_eq!(mended[0]["value"], "Theirs");
    }
}
