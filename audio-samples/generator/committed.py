"""The committed calls: short, one of each scenario."""

from . import phrases, questions
from .call import Call

# Test numbers that card networks and payment processors publish, the specimen SSN printed on wallet
# inserts in 1938 (void since), and telephone numbers set aside for fiction.
VISA, VISA_2, MASTERCARD, MASTERCARD_2 = "4111111111111111", "4242424242424242", "5555555555554444", "5105105105105100"
AMEX, AMEX_2, DISCOVER, VISA_3 = "378282246310005", "371449635398431", "6011111111111117", "4012888888881881"
SSN = "078051120"


def small():
    o, t, c = phrases.OPENING, phrases.TALK, phrases.CLOSING

    k = Call("pan_asked", "pan_asked", "rms", "allison", 1)
    k.talk(o[0])
    k.say("agent", questions.ASK["pan"][1])
    k.number("customer", "pan", VISA_2, [4], lead="Yes, it's")
    k.say("agent", c[2][0])
    k.say("customer", "Perfect. Thank you, and goodbye.")
    yield k

    k = Call("pan_words", "pan_words", "awb", "slt", 1)
    k.talk(o[2])
    k.say("agent", questions.ASK["pan"][14])
    k.number("customer", "pan", MASTERCARD_2, [4], "pairs", lead="Sure. It's", oh=True)
    k.say("agent", "Perfect, thank you.")
    k.talk(c[1])
    yield k

    k = Call("amex_full", "amex_full", "us-woman", "allison", 1)
    k.say("agent", o[6][0])
    k.say("customer", "Hi, I have a balance to pay for my daughter.", 0.2, 0.3)
    k.say("agent", questions.ASK["pan"][0])
    k.number("customer", "pan", AMEX, [4, 6, 5], group_gap=(0.2, 0.35))
    k.say("agent", questions.ASK["expiry"][0])
    k.number("customer", "expiry", "0629", [2, 2])
    k.say("agent", questions.ASK["cvv4"][0])
    k.number("customer", "cvv", "7364", [4])
    k.say("agent", "Great, that went through. We look forward to seeing her.")
    yield k

    k = Call("cvv_only", "cvv_only", "rms", "us-woman", 1)
    k.talk(o[3])
    k.say("agent", t[1][0])
    k.say("agent", "I can put it on the card that you used before. " + questions.ASK["cvv"][1])
    k.number("customer", "cvv", "739", [3], lead="Um, it says")
    k.say("agent", "Great, got that, thanks.")
    yield k

    k = Call("ssn_asked", "ssn_asked", "slt", "us-man", 1)
    k.talk(o[1])
    k.say("agent", questions.ASK["ssn"][2])
    k.number("customer", "ssn", SSN, [3, 2, 4], lead="Sure. It's", gap=(0.04, 0.1))
    k.say("agent", t[4][0])
    k.say("customer", "That makes sense. I changed banks around then.")
    yield k

    k = Call("pan_unasked", "pan_unasked", "kal16", "rms", 1)
    k.say("agent", o[4][0])
    k.say("customer", phrases.UNASKED[0])
    k.number("customer", "pan", DISCOVER, [4], gap=(0.03, 0.08))
    k.say("agent", "Oh, okay, you already had it ready. Let me write that down for you.")
    k.talk(c[3])
    yield k

    k = Call("pan_readback", "pan_readback", "allison", "awb", 1)
    k.say("agent", questions.ASK["pan"][5])
    k.number("customer", "pan", MASTERCARD, [4], "singles", lead="Okay, that's")
    k.say("agent", "Let me read that back to you.")
    k.number("agent", "pan", MASTERCARD, [4], gap=(0.02, 0.05), group_gap=(0.15, 0.25))
    k.say("customer", "Yes, that is right.")
    k.talk(c[4])
    yield k

    k = Call("pan_interrupted", "pan_interrupted", "awb", "allison-fast", 1)
    k.talk(o[7])
    k.say("agent", questions.ASK["pan"][3])
    k.number("customer", "pan", VISA, [4], lead="Okay. Ready?", acknowledge=True, group_gap=(0.1, 0.25))
    k.say("agent", c[2][0])
    yield k

    k = Call("two_cards", "two_cards", "slt", "rms", 1)
    k.say("agent", questions.ASK["pan"][2])
    k.number("customer", "pan", VISA_3, [4], "doubles", lead="It's a Visa, and the number is")
    k.say("agent", "I'm sorry, that card was declined. Do you have another card that we could try instead?")
    k.say("customer", "Oh, that's strange. It worked fine at the store this morning. Let's use this one.")
    k.number("customer", "pan", AMEX_2, [4, 6, 5], "singles")
    k.say("agent", c[4][0])
    yield k

    k = Call("benign_phone", "benign_phone", "us-man", "allison", 1)
    k.talk(o[5])
    k.say("agent", questions.ASK["phone"][0])
    k.number("customer", "phone", "2125550147", [3, 3, 4], lead="You can reach me at", benign=True)
    k.say("agent", "Perfect, thank you. I will call you this afternoon.")
    yield k

    k = Call("benign_order", "benign_order", "slt", "awb", 1)
    k.talk(o[3])
    k.say("agent", questions.ASK["order"][0])
    k.number("customer", "order", "5609417", [3, 4], lead="The email says", benign=True)
    k.say("agent", t[3][0])
    k.say("customer", c[2][1])
    yield k

    k = Call("benign_zip", "benign_zip", "rms", "slt", 1)
    k.talk(o[4])
    k.say("agent", questions.ASK["zip"][0])
    k.number("customer", "zip", "62704", [5], lead="It's", benign=True)
    k.talk(c[3])
    yield k
