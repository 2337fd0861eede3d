//! The words and set phrases the reader knows, and what each may mean.
//!
//! Built once on first use. Holds no grammar: `english` and `context` decide between the meanings.

use std::num::NonZeroU16;
use std::sync::LazyLock;

use super::super::token::Sense;
use super::piece::Meaning;

/// Places for words; a power of two, several times their number, so that few are found twice.
const SLOTS: usize = 4096;

/// A known word.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Its number, from 1.
    pub(super) id: u16,
    /// What it may mean by itself.
    pub(super) meaning: Meaning,
}

/// A set phrase after its first word.
pub(super) struct Phrase {
    /// The ids of the words that follow.
    pub(super) rest: Vec<u16>,
    /// What the whole means.
    pub(super) meaning: Meaning,
}

/// All known words and phrases.
pub(super) struct Lexicon {
    words: Vec<(&'static [u8], Entry)>,
    /// Hash table of places in `words`: from a word's own slot on to the first free one.
    slots: Box<[Option<NonZeroU16>; SLOTS]>,
    /// By the first word's id, longest first.
    phrases: Vec<Vec<Phrase>>,
}

/// Words with one meaning, white-space separated.
const WORDS: &[(Meaning, &str)] = &[
    (Meaning::Digit(0), "zero nought naught nil"),
    (Meaning::One, "one"),
    (Meaning::Digit(2), "two"),
    (Meaning::Digit(3), "three"),
    (Meaning::Digit(4), "four"),
    (Meaning::Digit(5), "five"),
    (Meaning::Digit(6), "six"),
    (Meaning::Digit(7), "seven"),
    (Meaning::Digit(8), "eight"),
    (Meaning::Digit(9), "nine niner"),
    (Meaning::Oh, "oh o 0h"),
    (Meaning::Rhyme(0), "aught ought null"),
    (Meaning::Sound(1), "won wun"),
    (Meaning::Sound(2), "too"),
    (Meaning::Preposition(2), "to"),
    (Meaning::Rhyme(3), "tree free"),
    (Meaning::Sound(4), "fore fower"),
    (Meaning::Preposition(4), "for"),
    (Meaning::Sound(5), "fife"),
    (Meaning::Sound(6), "sics sicks"),
    (Meaning::Rhyme(6), "sex sick"),
    (Meaning::Sound(8), "ate ait"),
    (Meaning::Rhyme(9), "nein"),
    (Meaning::Teen(10), "ten"),
    (Meaning::Teen(11), "eleven"),
    (Meaning::Teen(12), "twelve"),
    (Meaning::Teen(13), "thirteen"),
    (Meaning::Teen(14), "fourteen"),
    (Meaning::Teen(15), "fifteen"),
    (Meaning::Teen(16), "sixteen"),
    (Meaning::Teen(17), "seventeen"),
    (Meaning::Teen(18), "eighteen"),
    (Meaning::Teen(19), "nineteen"),
    (Meaning::Ten(20), "twenty"),
    (Meaning::Ten(30), "thirty"),
    (Meaning::Ten(40), "forty fourty"),
    (Meaning::Ten(50), "fifty"),
    (Meaning::Ten(60), "sixty"),
    (Meaning::Ten(70), "seventy"),
    (Meaning::Ten(80), "eighty"),
    (Meaning::Ten(90), "ninety"),
    (Meaning::Hundred, "hundred"),
    (Meaning::Scale(3), "thousand"),
    (Meaning::Scale(6), "million"),
    (Meaning::Scale(9), "billion"),
    (Meaning::Times(2), "double"),
    (Meaning::Times(3), "triple treble"),
    (Meaning::Times(4), "quadruple"),
    (Meaning::Times(5), "quintuple"),
    (Meaning::Plural(0), "zeros zeroes ohs noughts 0s 0's o's"),
    (Meaning::Plural(1), "ones 1s 1's"),
    (Meaning::Plural(2), "twos 2s 2's"),
    (Meaning::Plural(3), "threes 3s 3's"),
    (Meaning::Plural(4), "fours 4s 4's"),
    (Meaning::Plural(5), "fives 5s 5's"),
    (Meaning::Plural(6), "sixes 6s 6's"),
    (Meaning::Plural(7), "sevens 7s 7's"),
    (Meaning::Plural(8), "eights 8s 8's"),
    (Meaning::Plural(9), "nines 9s 9's"),
    (Meaning::Ordinal(1), "first"),
    (Meaning::Second, "second"),
    (Meaning::Ordinal(3), "third"),
    (Meaning::Ordinal(4), "fourth"),
    (Meaning::Ordinal(5), "fifth"),
    (Meaning::Ordinal(6), "sixth"),
    (Meaning::Ordinal(7), "seventh"),
    (Meaning::Ordinal(8), "eighth"),
    (Meaning::Ordinal(9), "ninth"),
    (Meaning::Ordinal(10), "tenth"),
    (Meaning::Ordinal(11), "eleventh"),
    (Meaning::Ordinal(12), "twelfth"),
    (Meaning::Ordinal(13), "thirteenth"),
    (Meaning::Ordinal(14), "fourteenth"),
    (Meaning::Ordinal(15), "fifteenth"),
    (Meaning::Ordinal(16), "sixteenth"),
    (Meaning::Ordinal(17), "seventeenth"),
    (Meaning::Ordinal(18), "eighteenth"),
    (Meaning::Ordinal(19), "nineteenth"),
    (Meaning::Ordinal(20), "twentieth"),
    (Meaning::Ordinal(30), "thirtieth"),
    (Meaning::Point, "point"),
    (Meaning::And, "and"),
    (Meaning::A, "a"),
    (Meaning::I, "i"),
    (Meaning::Like, "like"),
    (
        Meaning::Month,
        "january february march april june july august september october december jan feb mar apr jun \
         jul aug sept oct nov dec",
    ),
    (Meaning::May, "may"),
    (
        Meaning::Unit(Sense::Money),
        "dollar dollars buck bucks cent cents pound pounds quid pence euro euros yen rupee rupees \
         grand usd eur gbp krw 원 달러 원이요 원이에요 원입니다 원을 원은 불 유로",
    ),
    (Meaning::Unit(Sense::Percentage), "percent % 퍼센트 프로"),
    (
        Meaning::Unit(Sense::TimeOfDay),
        "pm p.m a.m o'clock oclock noon 시 시에 시까지 시부터",
    ),
    (Meaning::Am, "am"),
    (Meaning::Unit(Sense::Date), "년 월 년도 월에 년에"),
    (
        Meaning::Unit(Sense::Quantity),
        "seconds sec secs minute minutes min mins hour hours hr hrs day days night nights week weeks \
         weekend weekends month months year years decade decades century centuries moment moments time \
         times person persons people guys men women kids kid children child adults adult card cards item \
         items thing things piece pieces mile miles foot feet inch inches yard yards meter meters metre \
         metres kilometer kilometers kilometre kilometres km kilos kilo kilogram kilograms kg gram grams \
         ounce ounces oz gallon gallons liter liters litre litres degree degrees percentages stars star \
         bedroom bedrooms room rooms order orders package packages box boxes bag bags ticket tickets copy \
         copies page pages line lines word words digit digits letter letters character characters account \
         accounts payment payments installment installments charge charges transaction transactions call \
         calls email emails message messages question questions options way ways reason reasons \
         step steps car cars passenger passengers seat seats guest guests door doors floors points \
         megabytes gigabytes gigs dozen halves thirds quarters fourths tenths gig mph kids percentiles \
         units unit cups cup bottles bottle phones phone lines users user members member employees \
         개 번 명 장 대 권 마리 잔 병 살 층 개월 주 주일 시간 초 회 건 번째 가지 사람 분 분만 인분 \
         박 자리 줄 매 켤레 송이 그릇",
    ),
    (
        Meaning::Modifier,
        "more business working extra different new other additional calendar separate whole full \
         consecutive straight long short small large big credit debit gift missing main single individual \
         bad young old little nice major possible monthly",
    ),
    (Meaning::Of, "of"),
    (Meaning::Since, "in since year until by from during"),
    (Meaning::Half, "half quarter"),
    (Meaning::Past, "past after"),
    (
        Meaning::Cue,
        "number press option dial extension ext apartment suite gate",
    ),
    (
        Meaning::Pause,
        "uh um er erm ah eh hmm hm uhm umm uhh mm mmm comma dash hyphen space slash dot period \
         underscore 음 어 아 에 의 저 그 다시 하이픈 대시 점 슬래시 컴마 콤마 쉼표 띄고 흠 으음",
    ),
    (
        Meaning::Filler,
        "that's it's is then so the well was its that next followed please 그리고 또 이제 그러니까 그다음 \
         그다음에 다음은 다음 다음에 뭐 뒤에 자 그럼 앞에 그게 번호는",
    ),
    (
        Meaning::Acknowledgement,
        "okay ok mhm mmhm mm-hm mm-hmm mmhmm uh-huh uhhuh um-hm um-hmm yes yeah yep yup yea alright \
         thanks cool gotcha absolutely certainly wonderful excellent understood aha \
         예 넵 넹 응 맞아요 맞습니다 맞아 감사합니다 감사해요 고맙습니다 고마워요 알겠습니다 알겠어요 \
         그래요 그렇습니다 그렇죠 좋습니다 좋아요 확인했습니다 확인되었습니다 계속하세요 말씀하세요 네네 \
         오케이 그럼요 물론이죠 네에",
    ),
    (
        Meaning::MaybeAcknowledgement,
        "right correct perfect great sure continue good fine lovely exactly received 계속",
    ),
    (
        Meaning::Correction,
        "sorry correction oops whoops nope apologies 아니 아니요 아뇨 아니오 아니다 아니에요 잠깐만요 \
         잠깐만 잠깐 잠시만요 잠시만 정정 정정합니다 정정할게요 죄송합니다 죄송해요 죄송 미안합니다 \
         틀렸어요 틀렸습니다 실수",
    ),
    (Meaning::MaybeCorrection, "actually wait rather"),
    (Meaning::No, "no"),
    (Meaning::Letter(b'Z'), "zed zee"),
    (Meaning::Letter(b'H'), "aitch"),
    (Meaning::Nato(b'A'), "alpha alfa"),
    (Meaning::Nato(b'B'), "bravo"),
    (Meaning::Nato(b'C'), "charlie"),
    (Meaning::Nato(b'D'), "delta"),
    (Meaning::Nato(b'E'), "echo"),
    (Meaning::Nato(b'F'), "foxtrot"),
    (Meaning::Nato(b'G'), "golf"),
    (Meaning::Nato(b'H'), "hotel"),
    (Meaning::Nato(b'I'), "india"),
    (Meaning::Nato(b'J'), "juliet juliett"),
    (Meaning::Nato(b'K'), "kilo"),
    (Meaning::Nato(b'L'), "lima"),
    (Meaning::Nato(b'M'), "mike"),
    (Meaning::Nato(b'N'), "november"),
    (Meaning::Nato(b'O'), "oscar"),
    (Meaning::Nato(b'P'), "papa"),
    (Meaning::Nato(b'Q'), "quebec"),
    (Meaning::Nato(b'R'), "romeo"),
    (Meaning::Nato(b'S'), "sierra"),
    (Meaning::Nato(b'T'), "tango"),
    (Meaning::Nato(b'U'), "uniform"),
    (Meaning::Nato(b'V'), "victor"),
    (Meaning::Nato(b'W'), "whiskey whisky"),
    (Meaning::Nato(b'X'), "xray x-ray"),
    (Meaning::Nato(b'Y'), "yankee"),
    (Meaning::Nato(b'Z'), "zulu"),
    (Meaning::Counting(1, false), "한"),
    (Meaning::Counting(2, false), "두"),
    (Meaning::Counting(3, false), "세"),
    (Meaning::Counting(4, true), "네"),
    (Meaning::Ordinary, "one-time one-way one-off one-stop"),
    // Everyday words made of digit syllables, with and without a particle.
    (
        Meaning::Ordinary,
        "이번 이번에 이번은 이번엔 이분 이분은 공원 공원에 사원 영원 영원히 구원 일원 공주 사주 이주 사이사이 \
         오일이 공개 사장 이달 이달에 천만에 이만 구조 일일이 사사",
    ),
];

/// Phrases with one meaning, separated by "|".
const PHRASES: &[(Meaning, &str)] = &[
    (
        Meaning::Acknowledgement,
        "got it|i got it|go ahead|all right|thank you|thank you very much|thank you so much|that's right|\
         that's correct|that is correct|that's it|sounds good|no problem|no worries|of course|keep going|go on|\
         carry on|i see|you're welcome|mm hm|mm hmm|uh huh|yes please|oh okay|oh ok|oh yes|oh yeah|oh i see|\
         oh right|yes ma'am|yes sir|very good|네 네",
    ),
    (
        Meaning::Correction,
        "no wait|no no|no sorry|oh sorry|oh wait|oh no|i'm sorry|i am sorry|sorry about that|scratch that|\
         strike that|i mean|i meant|let me start over|let me start again|let me repeat that|let me repeat|\
         let me try again|let me say that again|let me correct that|start over|start again|my mistake|my bad|\
         that's wrong|that's not right|excuse me|pardon me|wait a minute|wait a second|wait a sec|make that|\
         correct that|disregard that|wait no|wait sorry|sorry no|no i mean|no actually|actually no|아니 잠깐만요|\
         다시 할게요|다시 말할게요|다시 말씀드릴게요|다시 불러드릴게요",
    ),
    (
        Meaning::Filler,
        "and that's|and that is|and it's|and then|and the|let me see|let's see|you know|it is|that is|followed \
         by|hold on|hang on|and finally|one moment please|one moment|just a moment|just a second|just a sec|\
         just a minute|one sec|one second please|full stop",
    ),
    (
        Meaning::Ordinary,
        "no one|first of all|second of all|third of all|at first|first time|first name|first thing|first \
         class|second hand|second time|at one point|at one time|one another|one of|for one thing|one more|one \
         more time|one more thing|one by one|no more|no longer|no need|no idea|no matter|this one|that one|\
         which one|another one|each one|every one|any one|some one|no one's|one or|oh my god|oh my|oh well|\
         oh dear|me too|you too|a second|for example|too much|too many",
    ),
    (Meaning::AsIn, "as in"),
    (Meaning::Unit(Sense::Percentage), "per cent"),
    (
        Meaning::Unit(Sense::TimeOfDay),
        "o clock|in the morning|in the afternoon|in the evening|at night",
    ),
];

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::build);

impl Lexicon {
    /// The one lexicon.
    pub(super) fn get() -> &'static Self {
        &LEXICON
    }

    fn build() -> Self {
        let mut lexicon = Self {
            words: Vec::new(),
            slots: Box::new([None; SLOTS]),
            phrases: vec![Vec::new()],
        };
        for (meaning, words) in WORDS {
            for word in words.split_whitespace() {
                lexicon.add(word, *meaning);
            }
        }
        for (meaning, phrases) in PHRASES {
            for phrase in phrases.split('|') {
                let mut ids = phrase
                    .split_whitespace()
                    .map(|word| lexicon.add(word, Meaning::Unknown));
                let Some(first) = ids.next() else { continue };
                let rest = ids.collect();
                lexicon.phrases[usize::from(first)].push(Phrase {
                    rest,
                    meaning: *meaning,
                });
            }
        }
        for phrases in &mut lexicon.phrases {
            phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.rest.len()));
        }
        lexicon
    }

    /// Keeps the meaning of a word that is there already.
    fn add(&mut self, word: &'static str, meaning: Meaning) -> u16 {
        let (slot, known) = self.look_up(word.as_bytes());
        if let Some(entry) = known {
            return entry.id;
        }
        let id = u16::try_from(self.phrases.len()).unwrap_or(0);
        self.words.push((word.as_bytes(), Entry { id, meaning }));
        self.slots[slot] = NonZeroU16::new(id);
        self.phrases.push(Vec::new());
        id
    }

    /// A word in lower case without outer punctuation.
    pub(super) fn word(&self, word: &[u8]) -> Option<Entry> {
        self.look_up(word).1
    }

    /// The slot that a word is in, or would be put in.
    fn look_up(&self, word: &[u8]) -> (usize, Option<Entry>) {
        // FNV-1a is quick on short words. The words are ours alone, so nobody can make them collide.
        let hash = word.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        let mut slot = hash as usize % SLOTS;
        // Ids are places in `words`, from 1.
        while let Some(id) = self.slots[slot] {
            let (known, entry) = self.words[usize::from(id.get()) - 1];
            if known == word {
                return (slot, Some(entry));
            }
            slot = (slot + 1) % SLOTS;
        }
        (slot, None)
    }

    /// The phrases that begin with the word of this id, longest first.
    pub(super) fn phrases(&self, first: u16) -> &[Phrase] {
        self.phrases
            .get(usize::from(first))
            .map_or(&[], Vec::as_slice)
    }
}
