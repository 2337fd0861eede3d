"""What agents and customers say beside questions and numbers: small talk, fillers, hesitations.

Plain data. Nothing here carries a number that a call labels; amounts, dates and counts that do occur are
everyday ones and must stay audible.
"""

UNASKED = [
    "Hi, I want to pay my bill. My card number is",
    "I'd like to pay with my Visa, that's",
    "Let me just give you the card now. It's",
    "I have my card right here, so the number is",
    "Can I use my Mastercard? It's",
    "You'll want the card number. It is",
]

STALL = [
    "Hold on, let me get my card.",
    "One second, I need to find my purse.",
    "Sure, just a moment, it's in my other jacket.",
    "Let me turn on the light so I can read it.",
    "Okay, give me a second here.",
    "Hang on, I need my glasses.",
]

BETWEEN = ["uh", "and then", "um", "and", "and that's", "then"]

ACKNOWLEDGE = ["Okay.", "Mm hm.", "Got it.", "Uh huh.", "Yes.", "Right.", "Go ahead.", "Okay, go on."]

RECEIVED = [
    "Thank you, I have that.",
    "Perfect, thank you.",
    "Great, got that, thanks.",
    "Wonderful. Let me enter that.",
    "Okay, that went through.",
    "Thanks, one moment while I enter that.",
]

OPENING = [
    ("Thank you for calling Maple Street Outfitters, this is Dana speaking. How can I help you today?",
     "Hi Dana. I saw a pair of hiking boots on your website and I'd like to order them."),
    ("Good afternoon, Harbor Insurance, my name is Chris. What can I do for you?",
     "Hello. I got a letter about my car insurance and I want to sort it out before the weekend."),
    ("Hello, you've reached Bluebird Travel. How may I help?",
     "Hi there. My wife and I would like to book the cabin by the lake that we talked about last week."),
    ("Customer service, this is Robin. Are you calling about an existing order?",
     "Yes, I am. The lamp I bought arrived yesterday and one of the shades was cracked."),
    ("Good morning, thanks for calling Green Valley Energy. How can I help you?",
     "Good morning. I just moved house and I would like to set up my account at the new place."),
    ("Thanks for holding, this is Pat in billing. What's going on with your account?",
     "Hi Pat. I think I was billed twice for the same thing and I'd like somebody to look at it."),
    ("Riverside Dental, good morning. How can I help?",
     "Hi, I need to make an appointment for my daughter, and I have a balance to pay as well."),
    ("Welcome to Northwind Books, this is Jamie. How are you today?",
     "I'm doing fine, thank you. I'm looking for a birthday present for my nephew."),
]

TALK = [
    ("Sure, I can help you with that. Let me pull that up on my screen, it'll take just a moment.",
     "No problem at all, take your time. I have the afternoon off anyway."),
    ("I'm sorry to hear that. We will get that fixed for you right away.",
     "Thank you. I really appreciate it, I was a bit worried that nobody would answer."),
    ("Of course. We have it in blue and in dark green, and both are in stock.",
     "The dark green one, please. My sister bought the blue one and it fades in the sun."),
    ("All right, I found it. Delivery usually takes two or three business days.",
     "That's great. I'll be home most of the week, so any day is fine with me."),
    ("Okay. It looks like the old plan ended last month, so we need to renew it.",
     "That makes sense. I changed banks around then and forgot to tell you about it."),
    ("Sure. Is the address still the same as the last time you ordered with us?",
     "Yes, still the yellow house on the corner, across from the library."),
    ("Have you been with us for a while?",
     "Oh yes, for years. You always had the nicest people on the phone."),
    ("Is there anything particular that you'd like the driver to know?",
     "Please tell him to leave it on the porch, and not to mind the dog, he is friendly."),
]

CLOSING = [
    ("You're all set. You will get an email with the details in a few minutes.",
     "Wonderful, thank you so much for your help today. Have a good weekend."),
    ("That's everything I need from you. Is there anything else I can do?",
     "No, that was it. Thanks again, you have been very kind. Bye now."),
    ("Everything went through fine, and we'll ship it out tomorrow morning.",
     "Perfect. I'm looking forward to it. Thank you, and goodbye."),
    ("I've made a note of all that on your account, so nobody has to ask you again.",
     "Excellent, that's good to know. Thanks for your time. Take care."),
    ("Great, you should see the change on your next statement.",
     "Good. I'll keep an eye on it. Thank you very much, have a nice day."),
]

HESITATE = ["uh", "um", "let me see", "hold on", "sorry, it's hard to read", "wait", "okay, and then", "where was I",
            "uh, one second", "hm"]

READBACK = ["So I've got", "Okay, I'll repeat that.", "Reading that back, it's", "Let me make sure I have it.",
            "So that would be", "I wrote down"]

VOLUNTEERED = [
    "Oh, and so you can charge it right away, here is my credit card.",
    "Before I forget, take this down, it's my Visa.",
    "By the way, I'd rather use the other card for this one, so that's",
    "And you can put it on the American Express or whatever, I've got it in my hand,",
    "I'll save you the question, I'm paying by card,",
    "Just bill it to this one.",
]

IVR_ASKS = [
    "Please say or enter your card number, followed by the pound key.",
    "To make a payment, say the number of your card after the tone.",
    "Using your voice or the keypad, give us your sixteen digit card number.",
    "To continue, please speak your card number one digit at a time.",
    "Please state the card number you wish to use for this payment.",
    "For faster service, say your credit card number now.",
]
IVR_REPEATS = ["You said", "I heard", "The number you entered is"]

LAST_FOUR = ["So that's the card ending in", "Perfect, I have it, the one ending in", "Great, the last four are",
             "Thank you. I'll charge the card that ends with"]

# Figures and dates in talk that nobody asked for; all of it must stay audible.
PRICES = [
    "The small one is nineteen ninety-nine, the medium is twenty-four fifty, and the large is thirty-one dollars.",
    "It's twelve dollars a month for the first six months and eighteen dollars after that.",
    "One pack is four ninety-five, three packs are thirteen dollars, and ten packs are thirty-nine.",
    "The basic plan has two gigabytes for fifteen dollars, the next one five gigabytes for twenty-two.",
    "Shipping is five ninety-five up to ten pounds and eleven fifty up to thirty pounds.",
    "Adults pay twenty-one dollars, children under twelve pay nine, and seniors fourteen fifty.",
]
STATISTICS = [
    ("We had about four hundred and twenty calls yesterday, and three hundred and sixty of them were about the storm.",
     "That is a lot. In two thousand and eighteen we lost power for sixty-one hours."),
    ("Nine out of ten customers keep the plan for more than three years, and about forty-five percent add a second line.",
     "My brother pays thirty-eight a month for two lines and he has twenty gigabytes."),
    ("The average house here uses nine hundred kilowatt hours a month, you used one thousand two hundred and fifty.",
     "Right, we have four bedrooms and two freezers, and it was ninety-six degrees for eleven days."),
    ("It's two hundred and thirty miles, so at fifty-five miles an hour you need a little over four hours.",
     "Last time it took us five and a half, with two stops of twenty minutes each."),
    ("The score was twenty-one to seventeen, and they had sixty-two thousand people in the stadium.",
     "I was there in nineteen ninety-six, when it was thirty-five to three."),
    ("The room is fourteen by eighteen feet, so that's two hundred and fifty-two square feet of carpet.",
     "Then add ten percent, say two hundred and eighty, and the hall is six by twenty-two."),
]
DATES = [
    "Thursday the nineteenth of March at ten fifteen", "June second, between nine and eleven in the morning",
    "October twenty-fourth, two thousand twenty-four", "the fourteenth, or maybe the twenty-first of next month",
    "Monday the eighth at four thirty", "from August third to August seventeenth",
]
