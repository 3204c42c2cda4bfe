//! Signing in on one machine for a program on another: device codes, and the page that takes them.
//!
//! Source: Microsoft Learn, "Microsoft identity platform and the OAuth 2.0 device authorization grant flow".

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Form, Path, State as RouterState};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};
use crate::secrets::new_secret;
use crate::state::directory::{DEVICE_LIFETIME, Device, DeviceAnswer};

use super::clients::Client;
use super::fault::EntraFault;
use super::form::Parameters;
use super::{consent_page, sign_in, sign_in_page as page};

/// Where a person takes the code. Entra's own message names `https://microsoft.com/devicelogin`, which is not one of the
/// sandbox's names; this is the address that it leads to.
const VERIFICATION_URI: &str = "https://login.microsoftonline.com/common/oauth2/deviceauth";

/// Letters and digits that cannot be mistaken for one another.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

pub(super) async fn begin(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    body: Bytes,
) -> Response {
    match issue(&cloud, &tenant, &Parameters::parse(&body)) {
        Ok(body) => Json(body).into_response(),
        Err(fault) => fault.into_reply(cloud.clock.now(), Uuid::new_v4()),
    }
}

fn issue(cloud: &Cloud, tenant: &str, form: &Parameters) -> Result<Value, EntraFault> {
    let now = cloud.clock.now();
    let (client_id, scope) = (form.required("client_id")?, form.required("scope")?);
    let device_code = new_secret().map_err(|_| EntraFault::out_of_order())?;
    let user_code = user_code(&device_code);
    cloud.change(|state| {
        let directory = &mut state.directory;
        sign_in::people_of(directory, tenant)?;
        let client = Client::find(directory, client_id, tenant)?.id();
        let device = Device {
            user_code: user_code.clone(),
            client,
            scope: scope.to_owned(),
            until: now + DEVICE_LIFETIME,
            answer: DeviceAnswer::Pending,
        };
        directory.sign_ins.forget_expired(now);
        directory.sign_ins.devices.insert(device_code.clone(), device);
        Ok(())
    })?;
    Ok(json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": VERIFICATION_URI,
        "expires_in": DEVICE_LIFETIME.whole_seconds(),
        // Entra says 5; one second is enough where nobody is throttled.
        "interval": 1,
        "message": format!(
            "To sign in, use a web browser to open the page {VERIFICATION_URI} and enter the code {user_code} to authenticate."
        ),
    }))
}

/// Nine letters and digits out of a secret's hexadecimal ones.
fn user_code(secret: &str) -> String {
    let pairs = secret.as_bytes().chunks(2).take(9);
    pairs
        .map(|pair| {
            let byte = pair.iter().fold(0_usize, |sum, digit| sum * 16 + usize::from(*digit));
            char::from(ALPHABET[byte % ALPHABET.len()])
        })
        .collect()
}

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Decision {
    user_code: String,
    person: Uuid,
    decision: String,
}

pub(super) async fn ask(RouterState(cloud): RouterState<SharedCloud>) -> Response {
    let shown = cloud.read(|state| Ok(page::device(&sign_in::people_of(&state.directory, "organizations")?)));
    match shown {
        Ok(page) => Html(page.into_string()).into_response(),
        Err(fault) => refuse(&fault),
    }
}

pub(super) async fn answer(
    RouterState(cloud): RouterState<SharedCloud>,
    Form(decision): Form<Decision>,
) -> Response {
    let now = cloud.clock.now();
    let answered = cloud.change(|state| {
        let directory = &mut state.directory;
        let person = sign_in::person_of(directory, "organizations", decision.person)?;
        let typed = decision.user_code.trim().to_ascii_uppercase();
        let device = directory
            .sign_ins
            .devices
            .values_mut()
            .find(|device| device.user_code == typed && device.until > now)
            .ok_or_else(EntraFault::unknown_user_code)?;
        let signs_in = decision.decision == "sign in";
        device.answer = if signs_in { DeviceAnswer::Approved(person) } else { DeviceAnswer::Declined };
        Ok(())
    });
    match answered {
        Ok(()) => Html(page::device_done().into_string()).into_response(),
        Err(fault) => refuse(&fault),
    }
}

fn refuse(fault: &EntraFault) -> Response {
    (fault.status, Html(consent_page::refusal(fault).into_string())).into_response()
}
