//! Mails in rows of `oban_jobs`: base64 of Erlang's external term format.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// Placeholder for the body of a mail.
const SOME_BODY: &str = "(a body)";

/// Replaces an encoded mail with its content, without the body: recorded bodies have the original's
/// wording, and ostrakon has its own. A mail that cannot be decoded stays as it is, and differs
/// from any other.
pub(super) fn canonical_mail(row: &mut Map<String, Value>) {
    let is_mail = row.get("worker").and_then(Value::as_str) == Some("Pleroma.Workers.MailerWorker");
    let Some(encoded) = row.get_mut("args").and_then(|args| args.get_mut("encoded_email")) else {
        return;
    };
    if let (true, Some(mut mail)) = (is_mail, encoded.as_str().and_then(decoded_mail)) {
        for body in ["html_body", "text_body"] {
            if mail.get(body).is_some_and(Value::is_string) {
                mail[body] = json!(SOME_BODY);
            }
        }
        *encoded = mail;
    }
}

/// Decodes a mail in `oban_jobs.args.encoded_email`. Texts become strings, Erlang atoms
/// `{"atom": …}`, tuples `{"tuple": […]}`. A map also records the order of its keys.
///
/// Decodes only what the recorded servers write: a different tag for the same value is a
/// difference.
pub fn decoded_mail(encoded: &str) -> Option<Value> {
    let bytes = STANDARD.decode(encoded).ok()?;
    let mut reader = Reader { rest: bytes.strip_prefix(&[131])? };
    let mail = reader.term()?;
    reader.rest.is_empty().then_some(mail)
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn term(&mut self) -> Option<Value> {
        match self.byte()? {
            b'd' => Some(json!({ "atom": self.atom()? })),
            b'm' => {
                let length = self.length()?;
                Some(json!(self.text(length)?))
            }
            b'h' => {
                let size = self.byte()?;
                let members = (0..size).map(|_| self.term()).collect::<Option<Vec<_>>>()?;
                Some(json!({ "tuple": members }))
            }
            b'j' => Some(json!([])),
            b'l' => {
                let length = self.length()?;
                let members = (0..length).map(|_| self.term()).collect::<Option<Vec<_>>>()?;
                (self.byte()? == b'j').then(|| json!(members))
            }
            b't' => self.map(),
            _ => None,
        }
    }

    fn map(&mut self) -> Option<Value> {
        let mut map = Map::new();
        let mut order = Vec::new();
        for _ in 0..self.length()? {
            if self.byte()? != b'd' {
                return None;
            }
            let key = self.atom()?;
            order.push(key.clone());
            map.insert(key, self.term()?);
        }
        map.insert("(keys in order)".to_owned(), json!(order));
        Some(Value::Object(map))
    }

    fn atom(&mut self) -> Option<String> {
        let length = usize::from(u16::from_be_bytes(self.take(2)?.try_into().ok()?));
        self.text(length)
    }

    fn text(&mut self, length: usize) -> Option<String> {
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}
