//! Doors as they are written in the file, checked one by one.

mod proof;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::{Authentication, Door, Forward, Protocol};
use crate::audio::g711::Law;
use crate::audio::{MediaTime, SampleRate};
use crate::call::Leg;
use crate::call::particulars::{Label, Particulars};
use crate::config::control::{ControlSection, control};
use crate::config::file::{Source, wrong};
use crate::config::{ConfigError, bad_path};
use crate::ingress::audio_fork::Mix;
use crate::ingress::audiosocket::Codec;
use proof::AuthenticationSection;

/// How much audio is kept for a recorder that is away, in seconds, unless told otherwise.
const DEFAULT_BUFFER_SECONDS: f64 = 30.0;
/// Accepted lengths: an hour of two legs at 8 kHz takes 115 MB.
const BUFFER_SECONDS: std::ops::RangeInclusive<f64> = 1.0..=3_600.0;

/// A door as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct DoorSection {
    protocol: Option<Spanned<Protocol>>,
    path: Option<Spanned<String>>,
    listen: Option<Spanned<SocketAddr>>,
    outbound: Option<Spanned<Leg>>,
    leg: Option<Spanned<Leg>>,
    codec: Option<Spanned<CodecName>>,
    rate: Option<Spanned<u32>>,
    mix: Option<Spanned<MixName>>,
    read: Option<Spanned<Leg>>,
    call_header: Option<Spanned<String>>,
    rtp_ports: Option<Spanned<String>>,
    advertise: Option<Spanned<IpAddr>>,
    first: Option<Spanned<Leg>>,
    strict_source: Option<Spanned<bool>>,
    site: Option<Spanned<String>>,
    vendor: Option<Spanned<String>>,
    queue: Option<Spanned<String>>,
    jurisdiction: Option<Spanned<String>>,
    idle_seconds: Option<Spanned<u64>>,
    networks: Vec<Spanned<String>>,
    auth: Option<Spanned<AuthenticationSection>>,
    forward: Option<Spanned<ForwardSection>>,
    control: Option<Spanned<ControlSection>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CodecName {
    Slin,
    Ulaw,
    Alaw,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MixName {
    Mono,
    Mixed,
    Stereo,
}

/// `[doors.NAME.forward]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForwardSection {
    url: Spanned<String>,
    protocol: Option<Protocol>,
    buffer_seconds: Option<Spanned<f64>>,
    auth: Option<Spanned<AuthenticationSection>>,
    authorities: Option<PathBuf>,
}

/// The doors of a file; one for Twilio if it names none.
pub(in crate::config) fn doors(
    source: Option<&Source>,
    sections: BTreeMap<String, Spanned<DoorSection>>,
    has_client_authorities: bool,
) -> Result<Vec<Door>, ConfigError> {
    if sections.is_empty() {
        return Ok(vec![Door::new(Protocol::Twilio)]);
    }
    let mut doors: Vec<Door> = Vec::new();
    for (name, section) in sections {
        let reader = Reader {
            source,
            section: format!("doors.{name}"),
            span: section.span(),
        };
        let door = reader.door(&name, section.into_inner())?;
        let certified = matches!(door.authentication, Some(Authentication::MutualTls));
        if certified && !has_client_authorities {
            return Err(reader.error(
                &reader.span,
                "auth.kind",
                "mutual_tls needs server.tls.client_authorities, which vouch for clients' certificates",
            ));
        }
        if let Some(other) = doors.iter().find(|other| other.path == door.path) {
            return Err(reader.error(
                &reader.span,
                "path",
                &format!(
                    "{:?} is the path of doors.{} already; each door has its own",
                    door.path, other.name
                ),
            ));
        }
        doors.push(door);
    }
    Ok(doors)
}

/// Reads one section, and says where it is wrong.
struct Reader<'a> {
    source: Option<&'a Source>,
    section: String,
    span: std::ops::Range<usize>,
}

impl Reader<'_> {
    fn error(&self, span: &std::ops::Range<usize>, field: &str, problem: &str) -> ConfigError {
        let field = format!("{}.{field}", self.section);
        wrong(self.source, span, &field, problem)
    }

    fn door(&self, name: &str, section: DoorSection) -> Result<Door, ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(self.error(
                &self.span,
                "",
                "a door's name has letters, digits, '_' and '-'",
            ));
        }
        let protocol = match &section.protocol {
            Some(protocol) => *protocol.get_ref(),
            None => Protocol::ALL
                .into_iter()
                .find(|protocol| protocol.name() == name)
                .ok_or_else(|| {
                    let names: Vec<&str> = Protocol::ALL.iter().map(|p| p.name()).collect();
                    let problem = format!("is missing; expected one of {}", names.join(", "));
                    self.error(&self.span, "protocol", &problem)
                })?,
        };
        self.refuse_unused(protocol, &section)?;
        let mut door = Door {
            name: name.to_owned(),
            path: format!("/{name}"),
            ..Door::new(protocol)
        };
        if let Some(path) = section.path {
            if let Some(problem) = bad_path(path.get_ref()) {
                return Err(self.error(&path.span(), "path", &problem));
            }
            door.path = path.into_inner();
        }
        if let Some(listen) = section.listen {
            door.listen = listen.into_inner();
        }
        let party = |field: &str, leg: Option<Spanned<Leg>>, default: Leg| match leg {
            None => Ok(default),
            Some(leg) if *leg.get_ref() == Leg::Mixed => Err(self.error(
                &leg.span(),
                field,
                "\"mixed\"; expected \"agent\" or \"customer\"",
            )),
            Some(leg) => Ok(leg.into_inner()),
        };
        door.outbound = party("outbound", section.outbound, door.outbound)?;
        door.read = party("read", section.read, door.read)?;
        door.first = party("first", section.first, door.first)?;
        if let Some(ports) = section.rtp_ports {
            door.rtp_ports = self.ports(&ports)?;
        }
        door.advertise = section.advertise.map(Spanned::into_inner);
        if let Some(strict) = section.strict_source {
            door.strict_source = strict.into_inner();
        }
        if let Some(leg) = section.leg {
            door.leg = leg.into_inner();
        }
        if let Some(rate) = &section.rate {
            door.rate = SampleRate::new(*rate.get_ref())
                .map_err(|error| self.error(&rate.span(), "rate", &error.to_string()))?;
        }
        door.codec = match (section.codec.map(Spanned::into_inner), &section.rate) {
            (Some(CodecName::Ulaw), _) => Codec::Companded(Law::Mu),
            (Some(CodecName::Alaw), _) => Codec::Companded(Law::A),
            (Some(CodecName::Slin) | None, Some(_)) => Codec::Linear(Some(door.rate)),
            (Some(CodecName::Slin) | None, None) => Codec::Linear(None),
        };
        if let Some(mix) = section.mix {
            door.mix = match mix.into_inner() {
                MixName::Mono => Mix::Mono,
                MixName::Mixed => Mix::Mixed,
                MixName::Stereo => Mix::Stereo,
            };
        }
        door.call_header = section.call_header.map(Spanned::into_inner);
        door.usual = Particulars {
            site: self.label("site", section.site)?,
            vendor: self.label("vendor", section.vendor)?,
            queue: self.label("queue", section.queue)?,
            jurisdiction: self.label("jurisdiction", section.jurisdiction)?,
            ..Particulars::default()
        };
        if let Some(idle) = section.idle_seconds {
            if !(5..=86_400).contains(idle.get_ref()) {
                let problem = format!(
                    "{} is out of range; expected 5 to 86400 seconds",
                    idle.get_ref()
                );
                return Err(self.error(&idle.span(), "idle_seconds", &problem));
            }
            door.idle = Duration::from_secs(idle.into_inner());
        }
        for network in section.networks {
            door.networks.push(self.network(&network)?);
        }
        if let Some(auth) = section.auth {
            door.authentication = Some(self.authentication(protocol, auth)?);
        }
        if let Some(forward) = section.forward {
            door.forward = Some(self.forward(protocol, forward)?);
        }
        if let Some(section) = section.control {
            let (name, span) = (format!("{}.control", self.section), section.span());
            door.control = Some(control(self.source, &name, span, section.into_inner())?);
        }
        Ok(door)
    }

    /// A name that calls are found by.
    fn label(
        &self,
        field: &str,
        written: Option<Spanned<String>>,
    ) -> Result<Option<Label>, ConfigError> {
        let Some(written) = written else {
            return Ok(None);
        };
        Label::new(written.get_ref())
            .map(Some)
            .map_err(|error| self.error(&written.span(), field, &error.to_string()))
    }

    /// A line that means nothing to the protocol was meant for something: it is not passed over.
    fn refuse_unused(&self, protocol: Protocol, section: &DoorSection) -> Result<(), ConfigError> {
        let written = [
            ("path", section.path.as_ref().map(Spanned::span)),
            ("listen", section.listen.as_ref().map(Spanned::span)),
            ("outbound", section.outbound.as_ref().map(Spanned::span)),
            ("leg", section.leg.as_ref().map(Spanned::span)),
            ("codec", section.codec.as_ref().map(Spanned::span)),
            ("rate", section.rate.as_ref().map(Spanned::span)),
            ("mix", section.mix.as_ref().map(Spanned::span)),
            ("read", section.read.as_ref().map(Spanned::span)),
            (
                "call_header",
                section.call_header.as_ref().map(Spanned::span),
            ),
            ("rtp_ports", section.rtp_ports.as_ref().map(Spanned::span)),
            ("advertise", section.advertise.as_ref().map(Spanned::span)),
            ("first", section.first.as_ref().map(Spanned::span)),
            (
                "strict_source",
                section.strict_source.as_ref().map(Spanned::span),
            ),
        ];
        for (field, span) in written {
            if let Some(span) = span
                && !protocol.fields().contains(&field)
            {
                let problem = format!(
                    "means nothing to {protocol}; remove this line (it has {})",
                    protocol.fields().join(", ")
                );
                return Err(self.error(&span, field, &problem));
            }
        }
        Ok(())
    }

    /// `20000-20999`: two ports for each stream, audio on the even one.
    fn ports(&self, text: &Spanned<String>) -> Result<RangeInclusive<u16>, ConfigError> {
        let range = text.get_ref().split_once('-').and_then(|(first, last)| {
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            let first: u16 = first;
            (first >= 1_024 && first.is_multiple_of(2) && last > first).then_some(first..=last)
        });
        range.ok_or_else(|| {
            let problem = "expected a range such as \"20000-20999\", whose first port is even and 1024 or more";
            self.error(&text.span(), "rtp_ports", problem)
        })
    }

    fn forward(
        &self,
        protocol: Protocol,
        section: Spanned<ForwardSection>,
    ) -> Result<Forward, ConfigError> {
        let reader = Reader {
            source: self.source,
            section: format!("{}.forward", self.section),
            span: section.span(),
        };
        let section = section.into_inner();
        let url = section.url.get_ref();
        let protocol = section.protocol.unwrap_or(protocol);
        let has_recorders = |p: &Protocol| *p != Protocol::Rtp;
        if !has_recorders(&protocol) {
            let others = Protocol::ALL.into_iter().filter(has_recorders);
            let names: Vec<&str> = others.map(Protocol::name).collect();
            let problem = format!(
                "no recorder is spoken to in {protocol}; expected one of {}",
                names.join(", ")
            );
            return Err(reader.error(&reader.span, "protocol", &problem));
        }
        let (schemes, problem): (&[&str], _) = if protocol == Protocol::Audiosocket {
            (
                &["audiosocket://", "tcp://"],
                "expected audiosocket://HOST:PORT, as AudioSocket is spoken over TCP",
            )
        } else if protocol == Protocol::Siprec {
            (
                &["sip:", "sips:"],
                "expected sip:HOST:PORT, with ;transport=tcp for TCP, or sips:HOST:PORT for TLS",
            )
        } else {
            (
                &["ws://", "wss://"],
                "expected a URL that begins with ws:// or wss://",
            )
        };
        if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
            // An address may hold a token: it is not repeated.
            return Err(reader.error(&section.url.span(), "url", problem));
        }
        let seconds = section
            .buffer_seconds
            .as_ref()
            .map_or(DEFAULT_BUFFER_SECONDS, |s| *s.get_ref());
        if !BUFFER_SECONDS.contains(&seconds) {
            let problem = format!(
                "{seconds} is out of range; expected {} to {} seconds",
                BUFFER_SECONDS.start(),
                BUFFER_SECONDS.end()
            );
            let span = section
                .buffer_seconds
                .map_or(reader.span.clone(), |s| s.span());
            return Err(reader.error(&span, "buffer_seconds", &problem));
        }
        let authentication = match section.auth {
            Some(auth) => Some(reader.recorder_authentication(protocol, auth)?),
            None => None,
        };
        Ok(Forward {
            url: section.url.into_inner(),
            protocol,
            buffer: MediaTime::from_seconds(seconds),
            authentication,
            authorities: section.authorities.map(|path| {
                self.source
                    .map_or(path.clone(), |source| source.beside(&path))
            }),
        })
    }

    /// `10.0.0.0/8`, `::1/128`, or a single address.
    fn network(&self, text: &Spanned<String>) -> Result<IpNet, ConfigError> {
        let written = text.get_ref();
        let single = || written.parse::<IpAddr>().map(IpNet::from);
        written.parse::<IpNet>().or_else(|_| single()).map_err(|_| {
            let problem = format!(
                "{written:?} is no network; expected one such as \"10.0.0.0/8\" or \"::1\""
            );
            self.error(&text.span(), "networks", &problem)
        })
    }
}
