//! Checks the section field by field, and says where it is wrong.

mod http;

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::Control;
use super::section::{ControlSection, HookSection};
use crate::call::Sensitive;
use crate::config::ConfigError;
use crate::config::file::{Source, wrong};
use crate::egress::control::asterisk::{self, Asterisk};
use crate::egress::control::connect::{Connect, RecordingType};
use crate::egress::control::freeswitch::{self, Freeswitch};
use crate::egress::control::twilio::{self, PauseBehaviour, Twilio};
use crate::egress::control::{Platform, Settings, Template, Timing};

/// Accepted times in seconds.
const SECONDS: RangeInclusive<f64> = 0.1..=60.0;
/// What each kind has a use for, besides what all have.
const USES: [(&str, &[&str]); 5] = [
    (
        "twilio",
        &["base_url", "secret", "account", "user", "recording", "mode"],
    ),
    (
        "connect",
        &[
            "base_url",
            "secret",
            "session_token",
            "region",
            "instance",
            "access_key",
            "recording",
        ],
    ),
    (
        "asterisk",
        &["base_url", "secret", "user", "recording", "mode"],
    ),
    (
        "freeswitch",
        &["base_url", "address", "secret", "user", "recording", "mode"],
    ),
    (
        "http",
        &[
            "secret", "user", "header", "headers", "pause", "resume", "verify",
        ],
    ),
];

/// The settings of a section, named `name` in errors, that lies at `span` of the file.
pub(in crate::config) fn control(
    source: Option<&Source>,
    name: &str,
    span: Range<usize>,
    section: ControlSection,
) -> Result<Control, ConfigError> {
    let reader = Reader { source, name, span };
    let mut written = toml::Table::try_from(&section)
        .map_err(|error| reader.error(&reader.span, "", &error.to_string()))?;
    if let Some(source) = source {
        from_the_working_directory(&mut written, source);
    }
    let timing = reader.timing(&section)?;
    let authorities = section.authorities.as_ref().map(|path| reader.beside(path));
    let platform = reader.platform(section)?;
    Ok(Control {
        settings: Settings { platform, timing },
        authorities,
        written,
    })
}

/// Makes the paths in a section mean the same in a file that lies elsewhere.
fn from_the_working_directory(written: &mut toml::Table, source: &Source) {
    let refer = |value: &mut toml::Value| {
        if let toml::Value::String(text) = value {
            *text = source.reference(text);
        }
    };
    for (field, value) in written {
        match (field.as_str(), value) {
            ("secret" | "session_token", value) => refer(value),
            ("headers", toml::Value::Table(headers)) => {
                headers.iter_mut().for_each(|(_, value)| refer(value));
            }
            ("authorities", toml::Value::String(path)) => {
                *path = source.beside(Path::new(path)).display().to_string();
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    source: Option<&'a Source>,
    name: &'a str,
    span: Range<usize>,
}

impl Reader<'_> {
    fn error(&self, span: &Range<usize>, field: &str, problem: &str) -> ConfigError {
        let dot = if field.is_empty() { "" } else { "." };
        let field = format!("{}{dot}{field}", self.name);
        wrong(self.source, span, &field, problem)
    }

    fn beside(&self, path: &Path) -> PathBuf {
        self.source
            .map_or_else(|| path.to_owned(), |source| source.beside(path))
    }

    fn timing(&self, section: &ControlSection) -> Result<Timing, ConfigError> {
        let default = Timing::default();
        let seconds = |field: &str, value: &Option<Spanned<f64>>, default: Duration| match value {
            None => Ok(default),
            Some(value) if SECONDS.contains(value.get_ref()) => {
                Ok(Duration::from_secs_f64(*value.get_ref()))
            }
            Some(value) => {
                let problem = format!(
                    "{} is out of range; expected {} to {} seconds",
                    value.get_ref(),
                    SECONDS.start(),
                    SECONDS.end()
                );
                Err(self.error(&value.span(), field, &problem))
            }
        };
        Ok(Timing {
            pause_deadline: seconds(
                "pause_seconds",
                &section.pause_seconds,
                default.pause_deadline,
            )?,
            resume_deadline: seconds(
                "resume_seconds",
                &section.resume_seconds,
                default.resume_deadline,
            )?,
            quiet: seconds("quiet_seconds", &section.quiet_seconds, default.quiet)?,
            timeout: seconds("timeout_seconds", &section.timeout_seconds, default.timeout)?,
        })
    }

    fn platform(&self, section: ControlSection) -> Result<Platform, ConfigError> {
        let names = || USES.map(|(name, _)| name).join(", ");
        let Some(kind) = &section.kind else {
            let problem = format!("is missing; expected one of {}", names());
            return Err(self.error(&self.span, "kind", &problem));
        };
        let Some((kind, uses)) = USES.into_iter().find(|(name, _)| name == kind.get_ref()) else {
            let problem = format!(
                "{:?} is not known; expected one of {}",
                kind.get_ref(),
                names()
            );
            return Err(self.error(&kind.span(), "kind", &problem));
        };
        self.refuse_unused(kind, uses, &section)?;
        Ok(match kind {
            "twilio" => Platform::Twilio(self.twilio(kind, section)?),
            "connect" => Platform::Connect(self.connect(kind, section)?),
            "asterisk" => Platform::Asterisk(self.asterisk(kind, section)?),
            "freeswitch" => Platform::Freeswitch(self.freeswitch(kind, section)?),
            _ => Platform::Http(Box::new(self.http(kind, section)?)),
        })
    }

    fn refuse_unused(
        &self,
        kind: &str,
        uses: &[&str],
        section: &ControlSection,
    ) -> Result<(), ConfigError> {
        let text = |value: &Option<Spanned<String>>| value.as_ref().map(Spanned::span);
        let hook = |value: &Option<Spanned<HookSection>>| value.as_ref().map(Spanned::span);
        let fields = [
            ("base_url", text(&section.base_url)),
            ("address", text(&section.address)),
            ("secret", text(&section.secret)),
            ("session_token", text(&section.session_token)),
            ("account", text(&section.account)),
            ("user", text(&section.user)),
            ("region", text(&section.region)),
            ("instance", text(&section.instance)),
            ("access_key", text(&section.access_key)),
            ("recording", text(&section.recording)),
            ("mode", text(&section.mode)),
            ("header", text(&section.header)),
            (
                "headers",
                section.headers.values().next().map(Spanned::span),
            ),
            ("pause", hook(&section.pause)),
            ("resume", hook(&section.resume)),
            ("verify", hook(&section.verify)),
        ];
        for (field, place) in fields {
            if let Some(place) = place
                && !uses.contains(&field)
            {
                let problem = format!("{kind} has no use for it; remove this line");
                return Err(self.error(&place, field, &problem));
            }
        }
        Ok(())
    }

    fn twilio(&self, kind: &str, section: ControlSection) -> Result<Twilio, ConfigError> {
        let account = self.text(
            kind,
            "account",
            section.account,
            "\"AC...\", the account's id",
        )?;
        Ok(Twilio {
            base_url: self.base_url(section.base_url, || "https://api.twilio.com".into())?,
            user: section
                .user
                .map_or_else(|| account.clone(), Spanned::into_inner),
            account,
            secret: self.secret(kind, "secret", section.secret)?,
            recording: section
                .recording
                .map_or_else(|| twilio::CURRENT.to_owned(), Spanned::into_inner),
            behaviour: self.choice(
                "mode",
                section.mode,
                [
                    ("silence", PauseBehaviour::Silence),
                    ("skip", PauseBehaviour::Skip),
                ],
            )?,
        })
    }

    fn connect(&self, kind: &str, section: ControlSection) -> Result<Connect, ConfigError> {
        let region = self.text(kind, "region", section.region, "\"eu-central-1\"")?;
        let host = format!("https://connect.{region}.amazonaws.com");
        let recording_type = match section.recording {
            None => None,
            Some(written) => Some(self.choice(
                "recording",
                Some(written),
                [
                    ("agent", RecordingType::Agent),
                    ("ivr", RecordingType::Ivr),
                    ("screen", RecordingType::Screen),
                ],
            )?),
        };
        Ok(Connect {
            base_url: self.base_url(section.base_url, || host)?,
            region,
            instance: self.text(kind, "instance", section.instance, "the instance's id")?,
            recording_type,
            access_key: self.text(kind, "access_key", section.access_key, "\"AKIA...\"")?,
            secret: self.secret(kind, "secret", section.secret)?,
            session_token: match section.session_token {
                None => None,
                token => Some(self.secret(kind, "session_token", token)?),
            },
        })
    }

    fn asterisk(&self, kind: &str, section: ControlSection) -> Result<Asterisk, ConfigError> {
        Ok(Asterisk {
            base_url: self.required_base_url(
                kind,
                section.base_url,
                "\"http://127.0.0.1:8088/ari\"",
            )?,
            user: self.text(kind, "user", section.user, "an ARI user's name")?,
            secret: self.secret(kind, "secret", section.secret)?,
            recording: match section.recording {
                Some(recording) => self.template("recording", &recording)?,
                None => self.template("recording", &Spanned::new(0..0, "{call_id}".to_owned()))?,
            },
            mode: self.choice(
                "mode",
                section.mode,
                [
                    ("pause", asterisk::Mode::Pause),
                    ("mute", asterisk::Mode::Mute),
                ],
            )?,
        })
    }

    fn freeswitch(&self, kind: &str, section: ControlSection) -> Result<Freeswitch, ConfigError> {
        let recording = section.recording.ok_or_else(|| {
            let problem = "is missing; freeswitch needs it, such as \"/recordings/{call_id}.wav\", the very \
                           path that the recording was begun with";
            self.error(&self.span, "recording", problem)
        })?;
        if recording
            .get_ref()
            .contains(|c: char| c.is_whitespace() || c.is_control())
        {
            let problem = "has white space, which uuid_record takes for the end of the path";
            return Err(self.error(&recording.span(), "recording", problem));
        }
        let password = self.secret(kind, "secret", section.secret)?;
        let door = match (section.address, section.base_url) {
            (Some(address), None) => freeswitch::Door::EventSocket {
                address: self.address(&address)?,
                password,
            },
            (None, Some(url)) => freeswitch::Door::Http {
                base_url: self.base_url(Some(url), String::new)?,
                user: self.text(kind, "user", section.user, "\"freeswitch\"")?,
                password,
            },
            (Some(_), Some(url)) => {
                let problem = "stands beside address; expected one of them";
                return Err(self.error(&url.span(), "base_url", problem));
            }
            (None, None) => {
                let problem = "is missing; freeswitch needs it, such as \"127.0.0.1:8021\" (the event \
                               socket), or base_url for mod_xml_rpc";
                return Err(self.error(&self.span, "address", problem));
            }
        };
        Ok(Freeswitch {
            door,
            recording: self.template("recording", &recording)?,
            mode: self.choice(
                "mode",
                section.mode,
                [
                    ("mask", freeswitch::Mode::Mask),
                    ("pause", freeswitch::Mode::Pause),
                ],
            )?,
        })
    }

    fn template(&self, field: &str, text: &Spanned<String>) -> Result<Template, ConfigError> {
        Template::parse(text.get_ref())
            .map_err(|error| self.error(&text.span(), field, &error.to_string()))
    }

    fn text(
        &self,
        kind: &str,
        field: &str,
        value: Option<Spanned<String>>,
        example: &str,
    ) -> Result<String, ConfigError> {
        match value {
            Some(value) if !value.get_ref().is_empty() => Ok(value.into_inner()),
            Some(value) => Err(self.error(&value.span(), field, "is empty")),
            None => {
                let problem = format!("is missing; {kind} needs it, such as {example}");
                Err(self.error(&self.span, field, &problem))
            }
        }
    }

    /// Without a slash at its end.
    fn base_url(
        &self,
        url: Option<Spanned<String>>,
        default: impl FnOnce() -> String,
    ) -> Result<String, ConfigError> {
        let Some(url) = url else {
            return Ok(default());
        };
        let written = url.get_ref().trim_end_matches('/');
        let host = ["https://", "http://"]
            .iter()
            .find_map(|scheme| written.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.contains(['@', '?', '#'])) {
            let problem = "expected http:// or https:// and a host, without credentials or a query";
            return Err(self.error(&url.span(), "base_url", problem));
        }
        Ok(written.to_owned())
    }

    fn required_base_url(
        &self,
        kind: &str,
        url: Option<Spanned<String>>,
        example: &str,
    ) -> Result<String, ConfigError> {
        match url {
            None => self.text(kind, "base_url", None, example),
            url => self.base_url(url, String::new),
        }
    }

    fn address(&self, address: &Spanned<String>) -> Result<String, ConfigError> {
        let written = address.get_ref();
        let usable = written
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !usable {
            let problem =
                format!("{written:?} is no address; expected one such as \"127.0.0.1:8021\"");
            return Err(self.error(&address.span(), "address", &problem));
        }
        Ok(written.clone())
    }

    /// One of a few words; the first is the default.
    fn choice<T: Copy, const N: usize>(
        &self,
        field: &str,
        written: Option<Spanned<String>>,
        choices: [(&str, T); N],
    ) -> Result<T, ConfigError> {
        let name = written.as_ref().map_or(choices[0].0, |name| name.get_ref());
        match choices.iter().find(|(choice, _)| *choice == name) {
            Some((_, value)) => Ok(*value),
            None => {
                let names = choices.map(|(choice, _)| choice).join(", ");
                let problem = format!("{name:?} is not known; expected one of {names}");
                let span = written.as_ref().map_or(self.span.clone(), Spanned::span);
                Err(self.error(&span, field, &problem))
            }
        }
    }

    /// Reads what a reference names. What is wrong with a secret is told without it.
    fn secret(
        &self,
        kind: &str,
        field: &str,
        reference: Option<Spanned<String>>,
    ) -> Result<Sensitive<String>, ConfigError> {
        let Some(reference) = reference else {
            let problem = format!("is missing; {kind} needs it: \"env:NAME\" or \"file:PATH\"");
            return Err(self.error(&self.span, field, &problem));
        };
        let written = reference.get_ref();
        let wrong = |problem: &str| self.error(&reference.span(), field, problem);
        let value = if let Some(name) = written.strip_prefix("env:") {
            std::env::var(name).map_err(|_| {
                wrong(&format!(
                    "the environment variable {name} is not set, or is no text"
                ))
            })?
        } else if let Some(path) = written.strip_prefix("file:") {
            let path = self.beside(Path::new(path));
            std::fs::read_to_string(&path)
                .map_err(|error| wrong(&format!("{}: cannot be read: {error}", path.display())))?
        } else {
            // It may be the secret itself: it is not repeated.
            return Err(wrong(
                "expected \"env:NAME\" or \"file:PATH\"; secrets themselves do not belong in this file",
            ));
        };
        let value = Sensitive::new(value);
        let trimmed = value.expose().trim_end_matches(['\r', '\n']);
        if trimmed.is_empty() || trimmed.contains(|c: char| c.is_control()) {
            return Err(wrong(&format!(
                "{written} is empty, or has more than one line"
            )));
        }
        Ok(Sensitive::new(trimmed.to_owned()))
    }
}
