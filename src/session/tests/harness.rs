//! Plays a random call into a session and checks what came out against an independent account.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::*;
use crate::speech::Transcript;

/// A call to play.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Stretches of 0 silence, 1 noise, 2 noise louder, each with its length in frames of 20 ms.
    pub(super) sound: Vec<(u8, usize)>,
    /// What the recogniser does, in turn.
    pub(super) answers: Vec<Answer>,
    /// What the network does, in turn.
    pub(super) arrivals: Vec<Arrival>,
    pub(super) channels: usize,
    pub(super) rate: u32,
    pub(super) hold: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    After { delay: MediaTime, heard: bool },
    Never,
}

impl Answer {
    pub(super) fn heard_after(millis: u64) -> Self {
        let delay = MediaTime::from_millis(millis);
        Answer::After { delay, heard: true }
    }

    pub(super) fn failed_after(millis: u64) -> Self {
        let delay = MediaTime::from_millis(millis);
        Answer::After {
            delay,
            heard: false,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Arrival {
    InOrder,
    Lost,
    Twice,
    /// This many frames later than its turn.
    LaterBy(usize),
    /// In order, and then nothing for a while.
    BeforeStall,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) input: Vec<Vec<i16>>,
    pub(super) released: Vec<Vec<i16>>,
    pub(super) events: Vec<Event>,
    /// Samples that left unhidden although nothing had examined them: must be none.
    pub(super) unexamined: Vec<(usize, u64)>,
    /// Samples that left before they were held long enough: must be none.
    pub(super) early: u64,
    ended: bool,
    disturbed: bool,
}

impl Played {
    pub(super) fn unexplained_events(&self) -> Vec<&Event> {
        self.events
            .iter()
            .filter(|e| !matches!(e, Event::Transcribed { .. }))
            .collect()
    }
}

pub(super) fn settings(channels: usize, rate: u32, hold: u64) -> Settings {
    Settings {
        legs: Leg::of_channels(channels).unwrap(),
        rate: SampleRate::new(rate).unwrap(),
        hold: MediaTime::from_millis(hold),
        policy: Arc::new(Policy::default()),
        examination: Examination::Everything,
    }
}

/// Samples that are never zero and differ from their neighbours.
pub(super) fn loud(seed: u64, length: usize) -> Vec<i16> {
    let value = |n: u64| {
        let mixed = (n + seed * 7_919).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 49;
        (mixed as i16 % 4_000) + 2_000
    };
    (0..length as u64)
        .map(|n| if n % 2 == 0 { value(n) } else { -value(n) })
        .collect()
}

fn input(call: &Call) -> Vec<Vec<i16>> {
    let frame = call.rate as usize / 50;
    (0..call.channels)
        .map(|channel| {
            let mut samples = Vec::new();
            for (turn, &(kind, frames)) in call.sound.iter().enumerate() {
                // Legs take turns, so that one is often silent while the other is not.
                let audible = kind > 0 && (call.channels == 1 || turn % 2 == channel || kind == 2);
                let noise = loud((turn + 31 * channel) as u64, frames * frame);
                samples.extend(
                    noise
                        .into_iter()
                        .map(|s| if audible { s * i16::from(kind) } else { 0 }),
                );
            }
            samples
        })
        .collect()
}

/// Frames in order of arrival: channel, place, whether nothing comes after it for a while.
fn schedule(call: &Call, frame: usize, length: usize) -> Vec<(usize, usize, bool)> {
    let mut arrivals: Vec<(usize, usize, usize, bool)> = Vec::new();
    for (turn, at) in (0..length).step_by(frame).enumerate() {
        for channel in 0..call.channels {
            match call.arrivals[(turn * call.channels + channel) % call.arrivals.len()] {
                Arrival::InOrder => arrivals.push((turn, channel, at, false)),
                Arrival::Lost => {}
                Arrival::Twice => {
                    arrivals.extend([turn, turn + 1].map(|turn| (turn, channel, at, false)));
                }
                Arrival::LaterBy(turns) => arrivals.push((turn + turns, channel, at, false)),
                Arrival::BeforeStall => arrivals.push((turn, channel, at, true)),
            }
        }
    }
    arrivals.sort_by_key(|&(turn, ..)| turn);
    arrivals
        .into_iter()
        .map(|(_, channel, at, stalls)| (channel, at, stalls))
        .collect()
}

pub(super) fn play(call: &Call) -> Played {
    play_in_frames(call, call.rate as usize / 50)
}

pub(super) fn play_in_frames(call: &Call, frame: usize) -> Played {
    let settings = settings(call.channels, call.rate, call.hold);
    let (rate, legs) = (settings.rate, settings.legs);
    let mut session = Session::new(settings);
    let input = input(call);
    let disturbed = call
        .arrivals
        .iter()
        .any(|arrival| !matches!(arrival, Arrival::InOrder | Arrival::BeforeStall));
    let mut played = Played {
        released: vec![Vec::new(); call.channels],
        events: Vec::new(),
        unexamined: Vec::new(),
        early: 0,
        ended: false,
        disturbed,
        input,
    };
    // Spans that were transcribed, for each leg, and answers on their way.
    let mut examined: Vec<Vec<Span>> = vec![Vec::new(); call.channels];
    let mut pending: Vec<(MediaTime, Window, bool)> = Vec::new();
    let mut asked = 0;
    let length = played.input.first().map_or(0, Vec::len);
    let frames = schedule(call, frame, length);
    let mut now = MediaTime::ZERO;
    for step in 0..=frames.len() + 1 {
        // Every answer that is due comes before the next frame.
        let last = step > frames.len();
        loop {
            drain(
                &mut session,
                &mut played,
                &examined,
                rate,
                call,
                last,
                |window| {
                    let answer = call.answers[asked % call.answers.len()];
                    asked += 1;
                    if let Answer::After { delay, heard } = answer {
                        pending.push((now + delay, window, heard));
                    }
                },
            );
            pending.sort_by_key(|(at, window, _)| (*at, window.id));
            let due = pending.first().is_some_and(|(at, ..)| *at <= now || last);
            if !due {
                break;
            }
            let (_, window, heard) = pending.remove(0);
            let leg = legs.iter().position(|leg| *leg == window.leg).unwrap();
            if heard {
                examined[leg].push(window.span);
                session.handle_transcript(window.id, Ok(Transcript::default()));
            } else {
                session.handle_transcript(window.id, Err(FailureCause::RecogniserError));
            }
        }
        if let Some(&(channel, at, stalls)) = frames.get(step) {
            let to = (at + frame).min(length);
            session.handle_audio(RawFrame {
                leg: legs[channel],
                at: SampleIndex(at as u64),
                samples: Sensitive::new(played.input[channel][at..to].to_vec()),
            });
            now = now.max(session.head());
            if stalls {
                session.handle_stall();
            }
        } else if step == frames.len() {
            session.handle_end();
        } else {
            session.handle_drain_deadline();
        }
    }
    drain(
        &mut session,
        &mut played,
        &examined,
        rate,
        call,
        true,
        |_| {},
    );
    assert!(played.ended, "the session never ended");
    played
}

fn drain(
    session: &mut Session,
    played: &mut Played,
    examined: &[Vec<Span>],
    rate: SampleRate,
    call: &Call,
    over: bool,
    mut transcribe: impl FnMut(Window),
) {
    let head = session.head();
    while let Some(output) = session.poll_output() {
        match output {
            Output::Transcribe(window) => transcribe(window),
            Output::Event(event) => played.events.push(event),
            Output::Ended => played.ended = true,
            Output::Release(audio) => {
                let start = audio.start().0;
                assert_eq!(
                    start,
                    played.released[0].len() as u64,
                    "blocks are contiguous"
                );
                let last = rate.time_of(SampleIndex(start + audio.len() as u64 - 1));
                let held =
                    last + MediaTime::from_millis(call.hold) <= head + MediaTime::from_millis(1);
                played.early += u64::from(!held && !over && session.end.is_none());
                for (channel, samples) in audio.channels().iter().enumerate() {
                    for (offset, &sample) in samples.iter().enumerate() {
                        let at = start + offset as u64;
                        if sample != 0
                            && !was_examined(rate, &examined[channel], played, channel, at)
                        {
                            played.unexamined.push((channel, at));
                        }
                    }
                    played.released[channel].extend(samples);
                }
            }
        }
    }
}

/// Whether a sample, and everything audible in the 0.3 s after it, lies in transcribed windows.
fn was_examined(
    rate: SampleRate,
    spans: &[Span],
    played: &Played,
    channel: usize,
    at: u64,
) -> bool {
    let input = &played.input[channel];
    let step = u64::from(rate.hertz()) / 100;
    // Where packets were lost the margin may be silence instead of the input: only the sample counts.
    let checked = if played.disturbed { 1 } else { 30 };
    (0..checked).map(|n| at + n * step).all(|index| {
        let quiet = input.get(index as usize).is_none_or(|sample| *sample == 0);
        let time = rate.time_of(SampleIndex(index));
        // The last frame of a call is longer than the call.
        quiet || spans.iter().any(|span| span.contains(time))
    })
}

pub(super) fn check(call: &Call, played: &Played) -> Result<(), TestCaseError> {
    let rate = SampleRate::new(call.rate).unwrap();
    prop_assert!(
        played.unexamined.is_empty(),
        "left unexamined: {:?}",
        played.unexamined.first()
    );
    prop_assert_eq!(played.early, 0, "left before its hold was over");
    let longest = played.released.iter().map(Vec::len).max();
    for (channel, released) in played.released.iter().enumerate() {
        prop_assert_eq!(Some(released.len()), longest);
        prop_assert!(released.len() <= played.input[channel].len());
        let leg = Leg::of_channels(call.channels).unwrap()[channel];
        for (at, (&out, &heard)) in released.iter().zip(&played.input[channel]).enumerate() {
            prop_assert!(out == heard || out == 0, "sample {} changed", at);
            if out == heard || played.disturbed {
                continue;
            }
            let time = rate.time_of(SampleIndex(at as u64));
            let told = played.events.iter().any(|event| match event {
                Event::Late { leg: of, span } | Event::Failed { leg: of, span, .. } => {
                    *of == leg && span.start <= time && time <= span.end
                }
                _ => false,
            });
            prop_assert!(told, "sample {} was filled and nobody told", at);
        }
    }
    if !played.disturbed {
        prop_assert_eq!(
            &played.released.iter().map(Vec::len).collect::<Vec<_>>(),
            &played.input.iter().map(Vec::len).collect::<Vec<_>>()
        );
    }
    Ok(())
}
