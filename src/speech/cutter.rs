//! Decides from activity alone where a leg is cut into windows, in frames of 16 ms.
//!
//! A window gathers speech until its oldest undecided frame is old enough to be recognised: each window costs
//! about the same, however little is new in it. Then it is cut in a pause, the sooner the longer it already
//! is. When recognition must begin and somebody is speaking, it is cut in the last pause there was; without
//! one it is cut by force at the quietest moment of the last second, and what lies just before is decided by
//! the next window, which hears it again whole.
//!
//! **Architecture invariant:** every frame is decided exactly once, in order, as silence or by a window;
//! only frames under the energy floor are silence. Media time alone decides.

use std::collections::VecDeque;

use super::activity::{Activity, frames_in_millis};
use crate::audio::MediaTime;

/// What becomes of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Frames `from..to` are inaudible.
    Silence { from: u64, to: u64 },
    /// Frames `listen_from..listen_to` go to the recogniser, whose answer decides `from..to` of them.
    Window {
        from: u64,
        to: u64,
        listen_from: u64,
        listen_to: u64,
    },
}

/// The cutter's lengths, in frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct CutterSettings {
    /// How long a frame stays undecided at least while more may be said.
    gathering: u64,
    /// The longest time a frame may stay undecided before its window is cut.
    longest: u64,
    /// The longest sound sent to the recogniser, what was decided before included.
    longest_heard: u64,
}

impl CutterSettings {
    /// For a hold and the margin that must be examined after a sample before it may leave.
    ///
    /// A third of the hold, 1.0 to 2.5 s, is kept for recognition and queueing; windows are at most 9 s,
    /// beyond which the recogniser's context grows costly.
    pub(super) fn for_hold(hold: MediaTime, margin: MediaTime) -> Self {
        let hold = hold.seconds();
        let reserve = (hold / 3.0).clamp(1.0, 2.5);
        let longest = (hold - reserve - margin.seconds()).clamp(0.6, 9.0);
        let gathering = (longest * GATHERING).min(LONGEST_GATHERING);
        Self {
            gathering: frames_in_millis((gathering * 1_000.0) as u64),
            longest: frames_in_millis((longest * 1_000.0) as u64),
            longest_heard: frames_in_millis((hold.min(LONGEST_HEARD) * 1_000.0) as u64),
        }
    }

    /// For a recording, whose words nobody waits for: cuts fall elsewhere than live, and each window has more context.
    pub(super) fn at_leisure() -> Self {
        Self {
            gathering: frames_in_millis(7_000),
            longest: frames_in_millis(14_000),
            longest_heard: frames_in_millis(LEISURELY_HEARD),
        }
    }
}

/// The most sound of a recording that is sent to the recogniser at once, in milliseconds.
pub(super) const LEISURELY_HEARD: u64 = 18_000;

/// The share of the longest window that is gathered before a pause is looked for, and the most of it in
/// seconds: who watches a call live waits as long to see what is hidden.
const GATHERING: f64 = 0.8;
const LONGEST_GATHERING: f64 = 3.0;
/// The most sound sent to the recogniser at once, in seconds: what its least context holds. Nothing older
/// than the hold is kept for it either.
const LONGEST_HEARD: f64 = 8.5;
/// Speech heard again for context is at most this far before what is new.
const CONTEXT_GAP: u64 = frames_in_millis(2_000);
/// Audio heard before the first audible frame, so that a soft onset is whole.
const PRE_ROLL: u64 = frames_in_millis(250);
/// How much later than the voice begins it may be noticed.
const ONSET: u64 = frames_in_millis(150);
/// How much of a window cut by force the next one hears again.
const OVERLAP: u64 = frames_in_millis(1_200);
/// The end of a window cut by force that is left to the next one to decide.
const GUARD: u64 = frames_in_millis(500);
/// Where a forced cut may fall: within this much of the end.
const SEARCH: u64 = frames_in_millis(1_000);
/// Pauses that end a window: of one that could be as short as nothing, and of one as long as it may be.
const LONGEST_PAUSE: u64 = frames_in_millis(700);
const SHORTEST_PAUSE: u64 = frames_in_millis(200);
/// Silence that ends a window in which no voice was found.
const NOISE_ENDS: u64 = frames_in_millis(300);
/// Voice shorter than this is taken for noise, where nothing depends on it but the cuts.
const VOICE_BEGINS: u64 = frames_in_millis(60);

/// One leg's cutter.
#[derive(Debug)]
pub(super) struct WindowCutter {
    settings: CutterSettings,
    /// The next frame to come; everything before `decided` has been decided.
    next: u64,
    decided: u64,
    open: Option<OpenWindow>,
    /// Stretches of speech that may be heard again, so that what follows is understood better.
    earlier: VecDeque<(u64, u64)>,
    /// Whether nothing is gathered: what is said now may have to be hidden soon.
    hurries: bool,
    /// Voiced frames in a row up to the next.
    voiced: u64,
    /// Levels of the last [`SEARCH`] frames, a ring indexed by frame.
    levels: [f32; SEARCH as usize],
}

#[derive(Debug, Clone, Copy)]
struct OpenWindow {
    listen_from: u64,
    /// Where its latest stretch of speech begins.
    stretch_from: u64,
    /// The last frame of voice that lasted [`VOICE_BEGINS`] at least.
    last_voice: Option<u64>,
    last_audible: u64,
    /// Where the voice last began again after a pause, or first after noise.
    onset: Option<u64>,
}

impl WindowCutter {
    pub(super) fn new(settings: CutterSettings) -> Self {
        Self {
            settings,
            next: 0,
            decided: 0,
            open: None,
            earlier: VecDeque::new(),
            hurries: false,
            voiced: 0,
            levels: [0.0; SEARCH as usize],
        }
    }

    /// The first frame that may still be asked for.
    pub(super) fn oldest_needed(&self) -> u64 {
        let heard_again = self.settings.longest_heard.max(OVERLAP);
        self.open
            .map_or(self.next, |open| open.listen_from)
            .min(self.next.saturating_sub(heard_again))
    }

    /// Whether windows are cut at the first pause from now on, not only once enough is gathered.
    pub(super) fn hurry(&mut self, hurries: bool) {
        self.hurries = hurries;
    }

    /// Takes the next frame.
    pub(super) fn push(&mut self, activity: Activity) -> Option<Decision> {
        let frame = self.next;
        self.next += 1;
        self.levels[(frame % SEARCH) as usize] = activity.level;
        self.voiced = if activity.voiced { self.voiced + 1 } else { 0 };
        let Some(open) = &mut self.open else {
            if !activity.audible {
                self.decided = self.next;
                return Some(Decision::Silence {
                    from: frame,
                    to: self.next,
                });
            }
            self.open = Some(OpenWindow {
                listen_from: frame.saturating_sub(PRE_ROLL),
                stretch_from: frame.saturating_sub(PRE_ROLL),
                last_voice: None,
                last_audible: frame,
                onset: None,
            });
            return None;
        };
        if self.voiced >= VOICE_BEGINS {
            let begins = self.next - VOICE_BEGINS;
            if open
                .last_voice
                .is_none_or(|last| begins >= last + SHORTEST_PAUSE)
            {
                open.onset = Some(begins);
                if open.last_voice.is_some() {
                    self.earlier.push_back((open.stretch_from, begins));
                }
                open.stretch_from = begins.saturating_sub(PRE_ROLL).max(open.listen_from);
            }
            open.last_voice = Some(frame);
        }
        if activity.audible {
            open.last_audible = frame;
        }
        let open = *open;
        let length = self.next - self.decided;
        if length < self.settings.gathering && !self.hurries {
            return None;
        }
        let paused = match open.last_voice {
            Some(voice) => frame - voice >= self.pause_needed(length),
            None => frame - open.last_audible >= NOISE_ENDS,
        };
        if paused {
            return Some(self.cut(open, self.next));
        }
        (length >= self.settings.longest).then(|| self.cut_in_speech(open))
    }

    /// Cuts what is open, because the leg is over or nothing arrives.
    pub(super) fn flush(&mut self) -> Option<Decision> {
        let open = self.open?;
        Some(self.cut(open, self.next))
    }

    /// The longer a window, the shorter the pause that ends it: groups of digits stay together while
    /// there is time, and a pause is found before a word must be cut.
    fn pause_needed(&self, length: u64) -> u64 {
        let spare = self.settings.longest.saturating_sub(length);
        SHORTEST_PAUSE + (LONGEST_PAUSE - SHORTEST_PAUSE) * spare / self.settings.longest.max(1)
    }

    fn cut(&mut self, open: OpenWindow, at: u64) -> Decision {
        let from = self.decided;
        self.decided = at;
        self.open = None;
        self.window(open, (from, at))
    }

    /// A window up to the latest frame, and what it hears again.
    fn window(&mut self, open: OpenWindow, (from, to): (u64, u64)) -> Decision {
        let listen_to = self.next;
        let mut listen_from = open.listen_from;
        for &(start, end) in self.earlier.iter().rev() {
            let near = end + CONTEXT_GAP >= listen_from;
            if !near || start + self.settings.longest_heard < listen_to {
                break;
            }
            listen_from = listen_from.min(start);
        }
        if open.last_voice.is_some() {
            self.earlier.push_back((open.stretch_from, to));
        }
        let forgotten = listen_to.saturating_sub(self.settings.longest_heard);
        while self
            .earlier
            .front()
            .is_some_and(|(start, _)| *start < forgotten)
        {
            self.earlier.pop_front();
        }
        Decision::Window {
            from,
            to,
            listen_from,
            listen_to,
        }
    }

    /// Cuts while somebody speaks: where the voice began last, which the next window hears from before its
    /// start, or by force.
    fn cut_in_speech(&mut self, open: OpenWindow) -> Decision {
        let from = self.decided;
        let onset = open.onset.map(|onset| onset.saturating_sub(ONSET));
        let Some(onset) = onset.filter(|onset| *onset > from) else {
            return self.cut_by_force(open);
        };
        self.decided = onset;
        self.open = Some(OpenWindow {
            listen_from: onset.saturating_sub(PRE_ROLL).max(open.listen_from),
            stretch_from: onset.saturating_sub(PRE_ROLL).max(open.listen_from),
            onset: None,
            ..open
        });
        self.window(open, (from, onset))
    }

    fn cut_by_force(&mut self, open: OpenWindow) -> Decision {
        let from = self.decided;
        let earliest = self
            .next
            .saturating_sub(SEARCH.min(self.settings.longest / 4))
            .max(from + 1);
        let quietest = (earliest..self.next)
            .min_by(|a, b| self.level(*a).total_cmp(&self.level(*b)))
            .unwrap_or(self.next);
        let guard = GUARD.min(self.settings.longest / 4);
        let decided = quietest.saturating_sub(guard).max(from + 1);
        self.decided = decided;
        self.open = Some(OpenWindow {
            listen_from: quietest.saturating_sub(OVERLAP),
            stretch_from: quietest.saturating_sub(OVERLAP),
            last_voice: open.last_voice,
            last_audible: open.last_audible,
            onset: None,
        });
        self.window(open, (from, decided))
    }

    fn level(&self, frame: u64) -> f32 {
        self.levels[(frame % SEARCH) as usize]
    }
}

#[cfg(test)]
mod tests;
