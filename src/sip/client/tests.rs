mod alone;
mod together;

use super::*;
use crate::sip::Transport;
use crate::sip::description::{Direction, LocalMedia};
use crate::sip::message::{Message, Request, Response};

const RECORDER: Flow = Flow {
    transport: Transport::Udp,
    peer: SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1)),
        5060,
    ),
    connection: 1,
};

fn settings() -> SrcSettings {
    SrcSettings::new(Advertised {
        host: "198.51.100.7".to_owned(),
        udp: 5099,
        tcp: 5099,
        tls: 5098,
    })
}

fn random(seed: u128) -> Random {
    let mut state = seed;
    Box::new(move || {
        state = state
            .wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645)
            .wrapping_add(7);
        state ^ (state >> 64)
    })
}

fn line(port: u16, label: &str) -> OfferedLine {
    OfferedLine {
        label: label.to_owned(),
        direction: Direction::SendOnly,
        local: LocalMedia {
            address: SocketAddr::from(([198, 51, 100, 7], port)),
            rtcp_mux: false,
            key: None,
        },
        codecs: vec![(0, Codec::Pcmu), (8, Codec::Pcma)],
        telephone_event: Some(101),
        packet_time: Some(20),
        crypto: None,
    }
}

fn target() -> Target {
    Target {
        uri: "sip:recorder@198.51.100.1".to_owned(),
        flow: RECORDER,
    }
}
