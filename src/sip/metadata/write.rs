//! A complete snapshot as a document.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::RecordingMetadata;

/// Of what RFC 7865 has no elements for.
const NAMESPACE: &str = "urn:hushgate:annotation";

/// An id as RFC 7865, 6.10 wants it: 128 random bits in base64.
pub fn unique_id(random: u128) -> String {
    STANDARD.encode(random.to_be_bytes())
}

/// With the characters of XML escaped, and without those that XML does not have.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}

impl RecordingMetadata {
    /// Writes a complete snapshot. `time`: since when what it says holds, as `2026-11-22T00:00:00Z`.
    ///
    /// Annotations are written as `extensiondata`, and who has called, as Oracle does, both in a namespace of ours.
    pub fn write(&self, time: &str) -> String {
        let time = escaped(time);
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
             <recording xmlns=\"urn:ietf:params:xml:ns:recording:1\">\r\n\
             <datamode>complete</datamode>\r\n",
        );
        let mut add = |line: String| {
            text.push_str(&line);
            text.push_str("\r\n");
        };
        for group in &self.groups {
            let group = escaped(group);
            add(format!(
                "<group group_id=\"{group}\"><associate-time>{time}</associate-time></group>"
            ));
        }
        for session in &self.sessions {
            let id = escaped(&session.id);
            let call = session
                .sip_session_id
                .as_ref()
                .map_or_else(String::new, |call| {
                    format!("<sipSessionID>{}</sipSessionID>", escaped(call.expose()))
                });
            let groups = self.groups.first().map_or_else(String::new, |group| {
                format!("<group-ref>{}</group-ref>", escaped(group))
            });
            let end = if session.ended {
                format!("<stop-time>{time}</stop-time>")
            } else {
                String::new()
            };
            add(format!(
                "<session session_id=\"{id}\">{call}{groups}<start-time>{time}</start-time>{end}</session>"
            ));
        }
        for participant in &self.participants {
            let id = escaped(&participant.id);
            let address = escaped(participant.address.expose());
            let name = participant.name.as_ref().map_or_else(String::new, |name| {
                format!("<name>{}</name>", escaped(name.expose()))
            });
            let calling = participant.calling.map_or_else(String::new, |calling| {
                format!("<h:callingParty xmlns:h=\"{NAMESPACE}\">{calling}</h:callingParty>")
            });
            add(format!(
                "<participant participant_id=\"{id}\"><nameID aor=\"{address}\">{name}</nameID>{calling}</participant>"
            ));
        }
        for stream in &self.streams {
            let id = escaped(&stream.id);
            let session = stream
                .session
                .as_ref()
                .or(self.sessions.first().map(|s| &s.id));
            let session = session.map_or_else(String::new, |session| {
                format!(" session_id=\"{}\"", escaped(session))
            });
            let label = stream.label.as_ref().map_or_else(String::new, |label| {
                format!("<label>{}</label>", escaped(label))
            });
            add(format!(
                "<stream stream_id=\"{id}\"{session}>{label}</stream>"
            ));
        }
        let since = format!("<associate-time>{time}</associate-time>");
        for session in &self.sessions {
            let id = escaped(&session.id);
            add(format!(
                "<sessionrecordingassoc session_id=\"{id}\">{since}</sessionrecordingassoc>"
            ));
            for participant in &self.participants {
                let participant_id = escaped(&participant.id);
                let until = if participant.left {
                    format!("<disassociate-time>{time}</disassociate-time>")
                } else {
                    String::new()
                };
                add(format!(
                    "<participantsessionassoc participant_id=\"{participant_id}\" session_id=\"{id}\">{since}{until}</participantsessionassoc>"
                ));
            }
        }
        for participant in &self.participants {
            let list = |name: &str, ids: &[String]| {
                ids.iter()
                    .map(|id| format!("<{name}>{}</{name}>", escaped(id)))
                    .collect::<String>()
            };
            let streams = list("send", &participant.sends) + &list("recv", &participant.receives);
            if !streams.is_empty() {
                let id = escaped(&participant.id);
                add(format!(
                    "<participantstreamassoc participant_id=\"{id}\">{streams}</participantstreamassoc>"
                ));
            }
        }
        if !self.annotations.is_empty() {
            add(format!("<extensiondata xmlns:h=\"{NAMESPACE}\">"));
            for annotation in &self.annotations {
                add(format!(
                    "<h:annotation name=\"{}\">{}</h:annotation>",
                    escaped(&annotation.name),
                    escaped(annotation.value.expose())
                ));
            }
            add("</extensiondata>".to_owned());
        }
        text.push_str("</recording>\r\n");
        text
    }
}
