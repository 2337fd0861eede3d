//! Ends a text that grows longer than it can be.
//!
//! The library has a limit of its own, but a text cut off by it has no end token, and its alignment then
//! reads past the last token. Here the decoder is made to choose the end token.

use std::ffi::c_void;

use whisper_rs::{FullParams, WhisperError, WhisperState};

use crate::model::Dimensions;

/// The limit for one run.
#[derive(Debug)]
pub(super) struct TokenCap {
    most: usize,
    end_of_text: usize,
    vocabulary: usize,
    reached: bool,
}

impl TokenCap {
    /// At most this many tokens.
    pub(super) fn new(most: usize, dimensions: &Dimensions) -> Self {
        Self {
            most,
            end_of_text: dimensions.end_of_text(),
            vocabulary: dimensions.vocabulary,
            reached: false,
        }
    }

    /// Whether the last run was ended by the limit.
    pub(super) fn was_reached(&self) -> bool {
        self.reached
    }

    /// Recognises, within the limit.
    pub(super) fn run(
        &mut self,
        state: &mut WhisperState,
        mut parameters: FullParams<'_, '_>,
        sound: &[f32],
    ) -> Result<(), WhisperError> {
        self.reached = false;
        #[expect(
            unsafe_code,
            reason = "whisper-rs has no safe interface for this callback"
        )]
        // SAFETY: `filter` has the callback's signature and reads only what it is given. The user data
        // points to `self`, which is borrowed for the whole of `full` below and used by no one else
        // meanwhile: with one decoder the library calls back on this thread only. `parameters` end with
        // this function.
        unsafe {
            parameters.set_filter_logits_callback(Some(filter));
            parameters
                .set_filter_logits_callback_user_data(std::ptr::from_mut(self).cast::<c_void>());
        }
        state.full(parameters, sound)
    }

    fn apply(&mut self, tokens: usize, logits: &mut [f32]) {
        if tokens < self.most {
            return;
        }
        self.reached = true;
        logits.fill(f32::NEG_INFINITY);
        if let Some(end) = logits.get_mut(self.end_of_text) {
            *end = 0.0;
        }
    }
}

#[expect(unsafe_code, reason = "a C callback")]
unsafe extern "C" fn filter(
    _context: *mut whisper_rs::WhisperSysContext,
    _state: *mut whisper_rs::WhisperSysState,
    _tokens: *const whisper_rs::WhisperTokenData,
    count: std::ffi::c_int,
    logits: *mut f32,
    user_data: *mut c_void,
) {
    // SAFETY: `user_data` is the cap that `run` set, see there. The library passes as many logits as the
    // vocabulary has tokens, which the model's check has verified, and does not touch them meanwhile.
    let (cap, logits) = unsafe {
        let cap = &mut *user_data.cast::<TokenCap>();
        let logits = std::slice::from_raw_parts_mut(logits, cap.vocabulary);
        (cap, logits)
    };
    cap.apply(usize::try_from(count).unwrap_or(0), logits);
}
