//! SIPp, which we did not write, as a border controller: calls of two streams with real speech, in real time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use hushgate::audio::g711::Law;
use hushgate::egress::Report;
use serde_json::Value;

use crate::program::{HOLD_SECONDS, Program, sample};
use crate::session_client::packets;
use crate::support::*;

/// A recording of datagrams to these ports, with their times in milliseconds, as tcpdump would write it (libpcap's
/// format: Ethernet, IPv4, UDP).
pub(crate) fn pcap(mut all: Vec<(u64, u16, Vec<u8>)>) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    all.sort_by_key(|(due, port, _)| (*due, *port));
    for (due, port, packet) in all {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00]);
        let length = packet.len() as u16;
        frame.extend([0x45, 0]);
        frame.extend((28 + length).to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        for word in [port, port, 8 + length, 0] {
            frame.extend(word.to_be_bytes());
        }
        frame.extend(packet);
        let (seconds, micros) = (due / 1_000, due % 1_000 * 1_000);
        let length = frame.len() as u32;
        for word in [seconds as u32, micros as u32, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// Two streams to the ports 7000 and 7002.
fn played(streams: [&[u8]; 2]) -> Vec<u8> {
    let mut all = Vec::new();
    for (place, sound) in streams.into_iter().enumerate() {
        let port = 7_000 + 2 * place as u16;
        let packets = packets(0xCA11 + place as u32, sound).into_iter();
        all.extend(packets.map(|(due, packet)| (due, port, packet)));
    }
    pcap(all)
}

/// The scenario with a call's sound in it.
fn scenario(folder: &Path, streams: [&[u8]; 2]) -> PathBuf {
    let sound = folder.join("call.pcap");
    std::fs::write(&sound, played(streams)).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/interop/siprec.xml")).unwrap();
    let millis = streams[0].len() / 8 + 500;
    let text = text
        .replace("SOUND", sound.to_str().unwrap())
        .replace("MILLIS", &millis.to_string());
    let file = folder.join("siprec.xml");
    std::fs::write(&file, text).unwrap();
    file
}

/// Has SIPp make so many calls at once.
async fn sipp(folder: &Path, scenario: &Path, gateway: SocketAddr, calls: usize, transport: &str) {
    let mut command = Command::new("sipp");
    command
        .arg(gateway.to_string())
        .arg("-sf")
        .arg(scenario)
        .args([
            "-i",
            "127.0.0.1",
            "-mi",
            "127.0.0.1",
            "-mp",
            "26000",
            "-t",
            transport,
        ])
        .args([
            "-m",
            &calls.to_string(),
            "-l",
            &calls.to_string(),
            "-r",
            "5",
        ])
        .args([
            "-nostdin",
            "-trace_err",
            "-error_file",
            "sipp.log",
            "-timeout",
            "120",
        ])
        .current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .expect("sipp is not there; `make interop` installs it (Debian: sip-tester)");
    let log = std::fs::read_to_string(folder.join("sipp.log")).unwrap_or_default();
    assert!(
        output.status.success(),
        "sipp: {}\n{log}\n(playing sound needs raw sockets: root, or cap_net_raw for sipp)",
        output.status
    );
}

fn reports(folder: &Path) -> Vec<(PathBuf, Report)> {
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mut reports: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|kind| kind == "json"))
        .map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            (file, serde_json::from_str(&text).unwrap())
        })
        .collect();
    reports.sort_by(|(one, _), (other, _)| one.cmp(other));
    reports
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_hides_what_sipp_forks() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("recordings");
    let config = folder.path().join("hushgate.toml");
    std::fs::write(
        &config,
        "[server]\nmax_calls = 4\n[doors.sbc]\nprotocol = \"siprec\"\nlisten = \"127.0.0.1:0\"\n\
         rtp_ports = \"22000-22099\"\n",
    )
    .unwrap();
    let log = folder.path().join("log");
    let program = Program::start_with(&recordings, &log, HOLD_SECONDS, Some(&config));
    let gateway = program.own.unwrap();
    // The agent is on the first channel of a sample, the customer is the first stream of the session.
    let legs = channels(&sample("pan_asked.wav", folder.path()));
    let encoded = [Law::Mu.encode(&legs[1]), Law::Mu.encode(&legs[0])];
    let scenario = scenario(folder.path(), [&encoded[0], &encoded[1]]);
    for transport in ["u1", "t1"] {
        sipp(folder.path(), &scenario, gateway, 1, transport).await;
    }
    let reports = eventually(std::time::Duration::from_secs(30), || {
        let reports = reports(&recordings);
        (reports.len() == 2).then_some(reports)
    })
    .await;
    let labels = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/pan_asked.json");
    let labels: Value = serde_json::from_str(&std::fs::read_to_string(labels).unwrap()).unwrap();
    for (file, report) in reports {
        assert_eq!(report.abnormal_end, None);
        assert!(
            report.late.is_empty(),
            "the machine was too busy: {:?}",
            report.late
        );
        let recorded = channels(&file.with_extension("wav"));
        let start = offset(&recorded[1], &legs[1]);
        let mut digits = 0;
        for item in labels["sensitive"].as_array().unwrap() {
            let channel = usize::from(item["channel"] == "customer");
            for digit in item["digits"].as_array().unwrap() {
                let at = |edge: usize| (digit[edge].as_f64().unwrap() * 8_000.0) as usize + start;
                let said = &recorded[channel][at(0)..at(1)];
                let audible = said.iter().filter(|sample| **sample != 0).count();
                assert!(audible * 10 < said.len(), "a digit at {} is audible", at(0));
                digits += 1;
            }
        }
        assert!(digits >= 16, "{digits} digits are labelled");
        let hidden: f64 = report.totals.hidden_s;
        assert!(hidden < 20.0, "{hidden} s are hidden");
    }
    assert_eq!(program.stop().await, Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    assert_eq!(digit_runs(&log), Vec::<String>::new());
}

/// Where on a channel a sound begins, by its first second that is audible and was not hidden.
fn offset(channel: &[i16], played: &[i16]) -> usize {
    let stretch = 4_000;
    (0..played.len() - stretch)
        .step_by(800)
        .filter(|at| {
            played[*at..at + stretch]
                .iter()
                .any(|sample| sample.abs() > 500)
        })
        .find_map(|at| {
            let wanted = &played[at..at + stretch];
            let found = channel.windows(stretch).position(|heard| heard == wanted)?;
            found.checked_sub(at)
        })
        .expect("something of what was played is heard")
}
