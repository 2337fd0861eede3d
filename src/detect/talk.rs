//! What a sentence does in a conversation, told from its words: stall, refuse, encourage, read back, move on.
//!
//! Works on normalised text (see `wording`). Short answers are misheard as words, so little talk is taken
//! for talk only when it says so in phrases that digits are not misheard as.

use std::sync::LazyLock;

use super::wording::{Phrases, Text};

/// What a sentence does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// "okay", "mm-hm", "go ahead": the other may go on.
    Encourage,
    /// "thank you", "perfect", "got it": what was asked for has been received.
    Receive,
    /// "one moment", "let me get my wallet": the answer will come later.
    Stall,
    /// "I don't have it", "I'd rather not": no answer will come.
    Refuse,
    /// "sorry, could you repeat that", "and the last four": the question stands.
    Prompt,
    /// "let me read that back": what was answered follows.
    ReadBack,
    /// Anything else.
    Talk,
}

static STALL: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"hold on|hang on|hold the line|bear with me|stand by",
        r"(?:one|1|just a|a|give me a|two|couple) (?:moment|second|sec|minute|min|tick|momento|seconds|secs)",
        r"(?:let me|lemme|ill|i will|i ll|i need to|i have to|ive got to|im going to|im gonna|gonna|going to|i gotta) (?:just |quickly |go |have to )*(?:get|grab|find|look|see|check|pull|dig|fetch|reach|go|put|open|grasp|locate|read it|turn)",
        r"(?:my|the|her|his) (?:wallet|purse|bag|handbag|glasses|pocket|car|jacket|desk|kitchen|coat|husband|wife)",
        r"(?:looking|searching) for|getting (?:it|my|the)|trying to (?:find|read|see)|where (?:is|did) (?:it|i|my)|here (?:it is|we go)|wait a",
        r"take your time|no rush|no hurry|whenever youre ready|when youre ready",
    ])
});
static REFUSE: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"i (?:dont|do not|didnt|do n t) (?:have|know|remember|want|feel|think|like|give|see|carry|got)",
        r"(?:id|i would) (?:rather|prefer) not",
        r"i (?:cant|cannot|can not|couldnt|wont|will not) (?:find|remember|read|give|see|do|tell|share)",
        r"(?:not|without) (?:comfortable|giving|going to give|gonna give|with me|sure)",
        r"(?:forgot|lost|left|misplaced) (?:it|my|the)",
        r"(?:can|could) i (?:use|pay|call|do|just|come)",
        r"never mind|nevermind|forget it",
    ])
});
static PROMPT: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:repeat|say|read|give|tell|spell)(?: \w+){0,3}? (?:again|once more|one more time|over|slower|slowly)",
        r"(?:could|can|would|will) you (?:please )?(?:repeat|say|read|give|slow|start|go|spell|continue|speak)",
        r"(?:last|next|first|middle|final|remaining|other|rest)(?: of)?(?: the| those)? ?(?:two|three|four|five|six|2|3|4|5|6|one|few|set|part|bit|half|group|number|digits?|ones)?",
        r"i (?:missed|didnt (?:get|catch|hear)|only (?:got|have|heard)|lost|couldnt (?:hear|catch|get))",
        r"(?:missed|breaking up|cut out|didnt catch|come again|pardon|say that|one more time|start (?:over|again)|slow down|slower|speak up|hear you)",
        r"go ahead|keep going|carry on|continue|go on|im ready|ready when|im listening|whats next|and then",
        r"(?:sixteen|fifteen|16|15|three|3|four|4) digits?|on the (?:front|back)|looking for|should (?:be|have|start)|starts? with|as it appears|the front|the back|on your card",
    ])
});
static READ_BACK: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:read|repeat|say|run|go|play|confirm|verify|check)(?: \w+){0,4}? back",
        r"read back|repeating",
        r"let me (?:just )?(?:repeat|confirm|verify|read|double check|make sure|check|say|see if)",
        r"ill (?:just )?(?:repeat|confirm|read|verify)",
        r"(?:to|just to) (?:confirm|verify|make sure|double check|repeat|recap)",
        r"so (?:that|thats|thatll|that is|that was|its|i have|ive got|i got|we have|weve got|you said|your)",
        r"(?:i have|ive got|i got|we have|you said|thats|that was|i heard|i wrote|so its)",
        r"did you say|was that|is that correct|is that right|was it",
    ])
});
static WILL_REPEAT: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:ill|i will|let me|im going to|i am going to|im gonna|shall i|may i|allow me to) (?:just |quickly )*(?:repeat|read) (?:that|it|this|them|those|through|the number|your number|the digits|back)",
        r"(?:read|repeat)(?:ing)? (?:it|that|this|those|the number|the digits|your number)(?: \w+)? ?(?:back|for you|to you)",
    ])
});
static RECEIVE: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"thank you|thanks|thank u|perfect|great|wonderful|excellent|awesome|got it|got that|i have that|lovely|brilliant|beautiful|fantastic|very good|appreciate (?:it|that)|cool|super|thats all|all set|all right thank",
    ])
});
static ENCOURAGE: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"okay|ok|kay|yes|yeah|yep|yup|uh huh|uhhuh|mm hm|mmhm|mhm|mm hmm|mm|hmm|hm|uh|um|sure|right|alright|all right|all|good|and|then|so|please|go ahead|now|correct|no|oh|well|absolutely|certainly|of course|no problem|no worries|definitely|fine|sir|maam|sounds good|i see|the|it|is|its|thats|that",
    ])
});
/// Words that only talk has; digits are hardly misheard as them.
const TALK_WORDS: [&str; 66] = [
    "i", "im", "ive", "id", "ill", "me", "my", "mine", "we", "us", "our", "he", "she", "they",
    "them", "you", "your", "have", "has", "had", "do", "dont", "does", "did", "didnt", "can",
    "cant", "could", "would", "should", "will", "was", "were", "are", "am", "been", "be", "get",
    "got", "know", "think", "want", "need", "because", "but", "just", "about", "what", "when",
    "where", "which", "why", "how", "who", "if", "when", "there", "here", "with", "from", "really",
    "actually", "please", "card", "call", "help",
];

/// What a sentence of normalised words does.
pub(super) fn act(sentence: &str) -> Act {
    let words = sentence.split(' ').filter(|word| !word.is_empty()).count();
    if words == 0 {
        return Act::Encourage;
    }
    let sentence = Text::new(sentence);
    if REFUSE.is_in(&sentence) {
        return Act::Refuse;
    }
    if STALL.is_in(&sentence) {
        return Act::Stall;
    }
    // What is left after the polite words are taken out.
    let received = RECEIVE.is_in(&sentence);
    let rest = RECEIVE.blank(sentence.plain());
    if ENCOURAGE.covers(&rest) {
        return if received {
            Act::Receive
        } else {
            Act::Encourage
        };
    }
    if words <= 16 && PROMPT.is_in(&sentence) {
        return Act::Prompt;
    }
    if READ_BACK.is_in(&sentence) {
        return Act::ReadBack;
    }
    if received && ENCOURAGE.blank(&rest).split_whitespace().count() <= 3 {
        Act::Receive
    } else {
        Act::Talk
    }
}

/// Whether a sentence says that what was answered will be repeated now.
pub(super) fn will_repeat(sentence: &str) -> bool {
    WILL_REPEAT.is_match(sentence)
}

/// Whether a sentence announces a reading back of what was answered.
pub(super) fn reads_back(sentence: &str) -> bool {
    READ_BACK.is_match(sentence)
}

/// Whether normalised words, without a number among them, are plainly talk.
pub(super) fn plainly_talk(text: &str, least_words: usize) -> bool {
    let mut words = 0;
    let mut telling = 0;
    for word in text.split_whitespace() {
        words += 1;
        telling += usize::from(TALK_WORDS.contains(&word));
    }
    words >= least_words && telling >= 2
}

/// Number words that are part of a phrase: "one moment", "sixteen digits", "since 1995".
pub(super) static PHRASE_NUMBERS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:one|1|two|2) (?:moment|second|sec|minute|min|tick|more time|of|more|thing|last|other|and only|question|day|way|or)",
        r"(?:this|that|which|the|no|any|every|some|another|each|first|last|only|wrong|right|other|new|good|next|old) one",
        r"(?:last|first|next|final|middle|other|remaining|the|a|all|those|these|only) (?:two|three|four|five|six|eight|nine|ten|2|3|4|5|6|8|9|10|twelve|fifteen|sixteen) (?:digits?|number|letters?|ones|characters?|on|of)",
        r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|nineteen|1|2|3|4|5|6|7|8|9|10|12|13|14|15|16|17|19) (?:digits?|number|letters|characters|months?|years?|days?|hours?|minutes?|weeks?|dollars|cents|people|times|cards|items)",
        r"(?:last|first|next|final|middle|remaining) (?:two|three|four|five|six|eight|2|3|4|5|6|8)",
        r"(?:in|since|year|until|during|before|after|early|late|around|model) (?:the )?(?:year )?(?:(?:19|20)\d\d|(?:nineteen|twenty) (?:\w+teen|\w+ty(?: \w+)?|oh \w+|hundred))",
        r"twenty four (?:seven|hours|hour)|24 ?7",
    ])
});

#[cfg(test)]
mod tests;
