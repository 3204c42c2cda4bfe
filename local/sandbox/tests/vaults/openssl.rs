//! OpenSSL, as somebody who did not write the vault: what one encrypts or signs, the other decrypts or verifies.
//!
//! A vault does not give private keys away, so the keys are OpenSSL's and are imported; for the other direction its public
//! halves are enough.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{Cloud, KEYS};

/// The sizes of key that disks can have.
const SIZES: [u32; 3] = [2048, 3072, 4096];
/// Key Vault's name of an algorithm, and OpenSSL's options for it.
const CIPHERS: [(&str, &[&str]); 3] = [
    ("RSA1_5", &["rsa_padding_mode:pkcs1"]),
    ("RSA-OAEP", &["rsa_padding_mode:oaep", "rsa_oaep_md:sha1"]),
    ("RSA-OAEP-256", &["rsa_padding_mode:oaep", "rsa_oaep_md:sha256"]),
];
const SIGNATURES: [(&str, usize, &[&str]); 4] = [
    ("RS256", 32, &["digest:sha256", "rsa_padding_mode:pkcs1"]),
    ("RS512", 64, &["digest:sha512", "rsa_padding_mode:pkcs1"]),
    ("PS256", 32, &["digest:sha256", "rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]),
    ("PS512", 64, &["digest:sha512", "rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]),
];

/// Whether there is an OpenSSL to ask. CI demands one.
fn is_missing() -> bool {
    let there = Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_ok();
    let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
    assert!(there || !required, "LATCHKEY_REQUIRE_JUDGES is set, but there is no openssl");
    if !there {
        std::io::stderr().write_all(b"SKIPPED: OpenSSL did not judge the vault: it is not there\n").unwrap();
    }
    !there
}

/// Runs OpenSSL in a folder. Its output, or nothing when it was not satisfied.
fn openssl(folder: &Path, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    output.status.success().then_some(output.stdout)
}

fn pkeyutl(folder: &Path, start: &[&str], options: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let options = options.iter().flat_map(|option| ["-pkeyopt", option]);
    let arguments: Vec<&str> =
        ["pkeyutl"].iter().copied().chain(start.iter().copied()).chain(options).collect();
    openssl(folder, &arguments, input)
}

/// The numbers of a PKCS #1 private key in DER: 0, n, e, d, p, q, dp, dq, qi.
pub(crate) fn numbers(der: &[u8]) -> Vec<Vec<u8>> {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, start) = match der[1] {
            short @ ..0x80 => (usize::from(short), 2),
            long => {
                let bytes = usize::from(long & 0x7f);
                (der[2..2 + bytes].iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)), 2 + bytes)
            }
        };
        der[start..].split_at(length)
    }
    let mut rest = element(der).0;
    let mut numbers = Vec::new();
    while !rest.is_empty() {
        let (number, after) = element(rest);
        numbers.push(number.iter().copied().skip_while(|byte| *byte == 0).collect());
        rest = after;
    }
    numbers
}

/// Makes `private.pem` in the folder and gives it as a JSON Web Key.
pub(crate) fn make_key(folder: &Path, bits: u32) -> Value {
    openssl(folder, &["genrsa", "-out", "private.pem", &bits.to_string()], &[]).unwrap();
    let der =
        openssl(folder, &["rsa", "-in", "private.pem", "-traditional", "-outform", "DER"], &[]).unwrap();
    let mut key = json!({ "kty": "RSA" });
    for (name, number) in ["n", "e", "d", "p", "q", "dp", "dq", "qi"].into_iter().zip(&numbers(&der)[1..]) {
        key[name] = json!(URL_SAFE_NO_PAD.encode(number));
    }
    key
}

/// A public key as OpenSSL reads it: SubjectPublicKeyInfo in DER.
fn public_der(bundle: &Value) -> Vec<u8> {
    fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut out = match length {
            0..0x80 => vec![tag, u8::try_from(length).unwrap()],
            _ => vec![tag, 0x82, u8::try_from(length / 256).unwrap(), u8::try_from(length % 256).unwrap()],
        };
        out.extend_from_slice(content);
        out
    }
    let number = |name: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(bundle["key"][name].as_str().unwrap()).unwrap();
        tagged(2, &[&[0][..], &bytes].concat())
    };
    let key = tagged(0x30, &[number("n"), number("e")].concat());
    let rsa_encryption = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    tagged(0x30, &[&rsa_encryption[..], &tagged(3, &[&[0][..], &key].concat())].concat())
}

/// A public key on P-256 in DER (RFC 5480): what comes before the point is always the same.
fn elliptic_der(bundle: &Value) -> Vec<u8> {
    let head = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ];
    let number = |name: &str| URL_SAFE_NO_PAD.decode(bundle["key"][name].as_str().unwrap()).unwrap();
    [&head[..], &number("x"), &number("y")].concat()
}

/// A signature as OpenSSL reads it: r and s as two numbers in DER.
fn signature_der(signature: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let mut digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        if digits.first().is_none_or(|first| *first >= 0x80) {
            digits.insert(0, 0);
        }
        [&[2, u8::try_from(digits.len()).unwrap()][..], &digits].concat()
    };
    let (r, s) = signature.split_at(32);
    let both = [number(r), number(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()][..], &both].concat()
}

struct Vault {
    cloud: Cloud,
}

impl Vault {
    async fn start() -> Self {
        let cloud = Cloud::start().await;
        let group = cloud.group(&cloud.seed.customer).await;
        cloud.make_vault(&cloud.seed.customer, &group, "kv-openssl").await;
        Self { cloud }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("https://kv-openssl.vault.azure.net/keys/{path}?{KEYS}");
        self.cloud.vault(&self.cloud.seed.customer, method, url, Some(body)).await.expect(200).body
    }

    async fn bytes(&self, path: &str, alg: &str, value: &[u8]) -> Vec<u8> {
        let body = json!({ "alg": alg, "value": URL_SAFE_NO_PAD.encode(value) });
        let answer = self.call(Method::POST, path, body).await;
        URL_SAFE_NO_PAD.decode(answer["value"].as_str().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn what_the_vault_wraps_openssl_unwraps_and_the_other_way_round() {
    if is_missing() {
        return;
    }
    let vault = Vault::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for bits in SIZES {
        let imported = format!("from-openssl-{bits}");
        let key = make_key(folder, bits);
        let shown = vault.call(Method::PUT, &imported, json!({ "key": key })).await;
        assert_eq!((&shown["key"]["n"], &shown["key"]["kty"]), (&key["n"], &json!("RSA")));
        let made = format!("from-the-vault-{bits}");
        let bundle = vault
            .call(Method::POST, &format!("{made}/create"), json!({ "kty": "RSA", "key_size": bits }))
            .await;
        std::fs::write(folder.join("public.der"), public_der(&bundle)).unwrap();
        for (alg, options) in CIPHERS {
            let secret = format!("a data key of {bits} bits {alg}").into_bytes();
            for (there, back) in [("wrapkey", "unwrapkey"), ("encrypt", "decrypt")] {
                let wrapped = vault.bytes(&format!("{imported}//{there}"), alg, &secret).await;
                let opened = pkeyutl(folder, &["-decrypt", "-inkey", "private.pem"], options, &wrapped);
                assert_eq!(opened.as_ref(), Some(&secret), "{there} {alg} {bits}");
                let start = ["-encrypt", "-pubin", "-keyform", "DER", "-inkey", "public.der"];
                let wrapped = pkeyutl(folder, &start, options, &secret).unwrap();
                assert_eq!(wrapped.len(), bits as usize / 8);
                let opened = vault.bytes(&format!("{made}//{back}"), alg, &wrapped).await;
                assert_eq!(opened, secret, "{back} {alg} {bits}");
            }
        }
    }
    vault.cloud.save_har("key_vault_openssl");
}

#[tokio::test]
async fn what_the_vault_signs_openssl_verifies_and_the_other_way_round() {
    if is_missing() {
        return;
    }
    let vault = Vault::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = make_key(folder, 2048);
    let bundle = vault.call(Method::PUT, "signing", json!({ "key": key })).await;
    std::fs::write(folder.join("public.der"), public_der(&bundle)).unwrap();
    for (alg, length, options) in SIGNATURES {
        let digest = vec![9; length];
        let signature = vault.bytes("signing//sign", alg, &digest).await;
        std::fs::write(folder.join("signature"), &signature).unwrap();
        let start = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "public.der", "-sigfile", "signature"];
        assert!(pkeyutl(folder, &start, options, &digest).is_some(), "{alg}");
        assert!(pkeyutl(folder, &start, options, &vec![8; length]).is_none(), "{alg} over another digest");

        let theirs = pkeyutl(folder, &["-sign", "-inkey", "private.pem"], options, &digest).unwrap();
        let verified = async |digest: &[u8]| {
            let body = json!({
                "alg": alg, "digest": URL_SAFE_NO_PAD.encode(digest), "value": URL_SAFE_NO_PAD.encode(&theirs),
            });
            vault.call(Method::POST, "signing//verify", body).await["value"].clone()
        };
        assert_eq!(verified(&digest).await, true, "{alg}");
        assert_eq!(verified(&vec![8; length]).await, false, "{alg} over another digest");
    }
}

#[tokio::test]
async fn what_the_vault_signs_on_p_256_openssl_verifies() {
    if is_missing() {
        return;
    }
    let vault = Vault::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let bundle = vault.call(Method::POST, "elliptic/create", json!({ "kty": "EC" })).await;
    std::fs::write(folder.join("public.der"), elliptic_der(&bundle)).unwrap();
    for round in 0..8 {
        let digest = [round; 32];
        let signature = vault.bytes("elliptic//sign", "ES256", &digest).await;
        std::fs::write(folder.join("signature"), signature_der(&signature)).unwrap();
        let start = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "public.der", "-sigfile", "signature"];
        assert!(pkeyutl(folder, &start, &[], &digest).is_some(), "{round}");
        assert!(pkeyutl(folder, &start, &[], &[99; 32]).is_none(), "over another digest");
    }
}
