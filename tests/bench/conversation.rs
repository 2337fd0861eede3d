//! Made-up conversations in text, the same for the same seed: what a day's chat log may look like.
//!
//! Most is ordinary talk; then come harmless numbers, and cards, security codes and social security
//! numbers in digits and in words. One conversation in eight is Korean. Every value is random.

/// Words for the digits.
const DIGITS: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];
const KOREAN_DIGITS: [&str; 10] = ["공", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];

/// Ordinary talk, agent and customer in turn.
const TALK: &[[&str; 2]] = &[
    [
        "Thank you for calling, my name is Dana, how can I help you today?",
        "Hi, I was looking at my account this morning and something doesn't add up.",
    ],
    [
        "I'm sorry to hear that. Let me pull up your account and have a look.",
        "Sure, take your time, I'm not in a hurry at all.",
    ],
    [
        "It looks like the parcel left the warehouse on Monday and is with the carrier.",
        "Okay, because the email said it would be here before the weekend and we are leaving town.",
    ],
    [
        "I can see two deliveries, one went to the old address and one is still on its way.",
        "Right, we moved in the spring, I thought I had changed that with you already.",
    ],
    [
        "Would you like me to send it again, or would a refund be better for you?",
        "I think a refund is better, I have already bought another one at the store.",
    ],
    [
        "The router should show a steady green light after a couple of minutes.",
        "It blinks orange for a while and then it goes off again, I tried it three times.",
    ],
    [
        "Please hold the small button on the back until all the lights come on.",
        "Alright, I am holding it now... yes, they are all on, now only one is blinking.",
    ],
    [
        "Great, that means it is installing the update, which may take some time.",
        "My daughter says the television upstairs lost its picture, is that the same thing?",
    ],
    [
        "We do have a plan without a contract, it is a little more every month.",
        "How does it work if we want to cancel in the summer when we are away?",
    ],
    [
        "You can pause it for up to three months without paying anything.",
        "Oh, that sounds good, nobody told me about that before, honestly.",
    ],
    [
        "Is there anything else that I can do for you today?",
        "No, that was everything, you have been very kind, have a lovely day.",
    ],
    [
        "The technician can come on Thursday between eight and twelve.",
        "Thursday is fine for us, just tell him to ring the bell next door, ours is broken.",
    ],
];

/// Numbers that nobody needs hidden; `#` is a digit, `~` a digit in words.
const HARMLESS: &[[&str; 2]] = &[
    [
        "Could you give me the order number, please?",
        "Yes, it's ##-####-###.",
    ],
    [
        "And what is a good phone number to reach you?",
        "It's ~ ~ ~, ~ ~ ~, ~ ~ ~ ~.",
    ],
    [
        "What's your zip code?",
        "#####, and the street is 1# Elm Street.",
    ],
    [
        "The total was $1##.5# on March 1#th, is that the one?",
        "Yes, and there was one for $2#.99 two days later.",
    ],
    [
        "Your tracking number is 1Z 9## ### 03 ####.",
        "Thanks, I wrote that down.",
    ],
    [
        "You are number ~ in line and the wait is about 1# minutes.",
        "We are a family of four and the appointment was at 10:#5 am.",
    ],
    [
        "Your reference for this chat is CASE-#######.",
        "Okay, and the last one was in the year 20##, if that helps you.",
    ],
];

/// What must be found; `#` is a digit, `~` a digit in words.
const SENSITIVE: &[[&str; 2]] = &[
    [
        "Can I have the card number, please?",
        "Sure, it's 4### #### #### ####.",
    ],
    [
        "I just need the sixteen digits on the front of the card.",
        "Okay: four ~ ~ ~, ~ ~ ~ ~, uh ~ ~ ~ ~, and ~ ~ ~ ~.",
    ],
    [
        "And the three digits on the back of the card?",
        "That's ~ ~ ~.",
    ],
    [
        "What is the expiration date?",
        "It expires in 0#/2#, I think.",
    ],
    [
        "For verification, what is your social security number?",
        "My social is ###-##-####.",
    ],
    [
        "Could you read me the social, please?",
        "~ ~ ~, ~ ~, ~ ~ ~ ~.",
    ],
    [
        "How would you like to pay?",
        "With my visa, 4###-####-####-####, and the code is ###.",
    ],
];

/// Korean; `#` is a digit, `~` a digit syllable.
const KOREAN: &[[&str; 2]] = &[
    [
        "안녕하세요, 고객님. 무엇을 도와드릴까요?",
        "네, 지난주에 주문한 상품이 아직 도착하지 않았어요.",
    ],
    [
        "불편을 드려 죄송합니다. 배송 상태를 확인해 드리겠습니다.",
        "네 감사합니다. 주말 전에는 꼭 받고 싶어요.",
    ],
    ["주문 번호를 말씀해 주시겠어요?", "네, ####-###### 입니다."],
    ["카드 번호가 어떻게 되세요?", "사~~~ ~~~~ ~~~~ ~~~~ 입니다."],
    ["주민등록번호를 확인해 주세요.", "9#0#1#-1###### 이에요."],
    [
        "환불은 영업일 기준으로 삼일에서 오일 정도 걸립니다.",
        "알겠습니다. 그럼 기다려 볼게요. 수고하세요.",
    ],
];

/// A generator of numbers (SplitMix64), so that texts are the same everywhere.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Conversations of two speakers, at least this many bytes.
pub(crate) fn text(seed: u64, bytes: usize) -> String {
    let mut random = Seeded(seed);
    let mut text = String::with_capacity(bytes + 4_096);
    while text.len() < bytes {
        let korean = random.below(8) == 0;
        for _ in 0..6 + random.below(20) {
            let exchange = match random.below(20) {
                _ if korean => random.pick(KOREAN),
                0..=1 => random.pick(SENSITIVE),
                2..=4 => random.pick(HARMLESS),
                _ => random.pick(TALK),
            };
            for (speaker, said) in ["agent", "customer"].iter().zip(exchange) {
                text.push_str(speaker);
                text.push_str(": ");
                fill(said, korean, &mut random, &mut text);
                text.push('\n');
            }
        }
    }
    text
}

/// Writes a line, its places for digits filled.
fn fill(said: &str, korean: bool, random: &mut Seeded, text: &mut String) {
    let words = if korean { KOREAN_DIGITS } else { DIGITS };
    for character in said.chars() {
        match character {
            '#' => text.push(char::from(b'0' + random.below(10) as u8)),
            '~' => text.push_str(words[random.below(10)]),
            other => text.push(other),
        }
    }
}
