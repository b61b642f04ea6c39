//! A line that a node has written: one JSON object, spelt in the one way there is.

use gossip_node::Json;

use super::fields::Fields;

pub(crate) struct Said<'a> {
    pub(crate) src: String,
    pub(crate) dest: String,
    pub(crate) kind: String,
    pub(crate) body: Fields<'a>,
}

impl<'a> Said<'a> {
    /// Takes a line apart.
    ///
    /// # Panics
    ///
    /// If a key is missing, too many or out of order, or spacing is not as it should be.
    pub(crate) fn read(line: &'a str) -> Self {
        is_spaced(line);
        let envelope = Fields::read(line.as_bytes()).unwrap_or_else(|| panic!("no object: {line}"));
        assert_eq!(envelope.keys(), ["src", "dest", "body"]);
        let body = envelope.raw("body").expect("it is among the keys");
        let body = Fields::read(body.as_bytes()).unwrap_or_else(|| panic!("no body: {line}"));
        let text = |fields: &Fields<'_>, key| fields.get(key).unwrap_or_else(|| panic!("no text as {key}: {line}"));
        let said = Self { src: text(&envelope, "src"), dest: text(&envelope, "dest"), kind: text(&body, "type"), body };
        let payload = said.payload();
        let keys = match said.kind.as_str() {
            "gossip" => [&["type"][..], payload].concat(),
            _ => [&["type", "in_reply_to"][..], payload, &["msg_id"]].concat(),
        };
        assert_eq!(said.body.keys(), keys, "{line}");
        said
    }

    fn payload(&self) -> &'static [&'static str] {
        match self.kind.as_str() {
            "gossip" => &["message"],
            "init_ok" | "topology_ok" | "broadcast_ok" | "add_ok" => &[],
            "read_ok" if self.body.raw("value").is_some() => &["value"],
            "read_ok" => &["messages"],
            "digest_ok" => &["digest", "count"],
            "digest_sync_ok" if self.body.raw("match") == Some("true") => &["match", "transferred"],
            "digest_sync_ok" => &["match", "transferred", "local_messages"],
            "echo_ok" => &["echo"],
            "stats_ok" => &["elements", "state_bytes", "total", "peers"],
            "error" => &["code", "text"],
            other => panic!("nobody says {other}"),
        }
    }

    /// The values of an array: canonical, in order and without a double.
    pub(crate) fn values(&self, key: &str) -> Vec<Json> {
        let values: Vec<&serde_json::value::RawValue> = self.body.get(key).expect("an array");
        let values: Vec<Json> = values.into_iter().map(|raw| canonical(raw.get())).collect();
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
        values
    }
}

/// A value that is written as it should be.
fn canonical(text: &str) -> Json {
    let value = Json::parse(text, text.len()).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(value.as_str(), text);
    value
}

/// Outside of strings, a space follows each `,` and `:`, and there is no other white space anywhere.
fn is_spaced(line: &str) {
    let (mut in_string, mut escaped, mut before) = (false, false, ' ');
    for now in line.chars() {
        if in_string {
            assert!(!now.is_control() || now > '\u{7e}', "{line:?}");
            in_string = escaped || now != '"';
            escaped = !escaped && now == '\\';
        } else {
            assert_eq!(matches!(before, ',' | ':'), now == ' ', "{line}");
            assert!(!now.is_whitespace() || now == ' ', "{line:?}");
            in_string = now == '"';
        }
        before = if in_string { '"' } else { now };
    }
}
