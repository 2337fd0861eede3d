use super::script::check;

#[test]
fn telephone_numbers_are_heard() {
    check(&[
        "agent 5.0: {Can I have a phone number to reach you at?}",
        "customer: {nine one eight |0.4| nine oh six |0.4| two six seven two}",
        "agent: {Thank you very much.}",
    ]);
    check(&[
        "agent 5.0: {What's a good callback number?}",
        "customer: {918-906-2672}",
    ]);
    check(&["customer 5.0: {my phone number is 918 906 2672 if we get cut off}"]);
    check(&["agent 5.0: {You can call us back at 1-800-555-0199 any time.}"]);
}

#[test]
fn order_numbers_are_heard() {
    check(&[
        "agent 5.0: {What is the order number?}",
        "customer: {five six oh nine |0.5| five one three}",
        "agent: {Thank you, let me look that up.}",
    ]);
    check(&[
        "customer 5.0: {my booking reference is 8 8 2 1 4 5 6}",
        "agent: {I can see it here.}",
    ]);
    check(&["agent 5.0: {Your case number is 4 4 1 2 9 9 0, please write it down}"]);
    check(&[
        "agent 5.0: {Could you give me your account number?}",
        "customer: {sure it is 00 45 12 99 01}",
    ]);
}

#[test]
fn postcodes_are_heard() {
    check(&[
        "agent 5.0: {And what is your zip code?}",
        "customer: {seven two six seven nine}",
        "agent: {Thank you.}",
    ]);
    check(&["agent 5.0: {Billing ZIP?}", "customer: {72679}"]);
}

#[test]
fn a_harmless_question_after_a_sensitive_one_disarms() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: [four one one one one one one one one one one one one one one one]",
        "agent: {And a phone number in case we get disconnected?}",
        "customer: {four one five five five five oh one two three}",
        "agent: {And what's your zip code?}",
        "customer: {nine four one oh three}",
    ]);
}

#[test]
fn amounts_dates_times_and_counts_are_heard() {
    check(&[
        "customer 5.0: {I was charged $45.20 on March 3rd at 10:30 for 2 tickets and 3 drinks}",
    ]);
    check(&[
        "agent 5.0: {Your total is one hundred and twenty dollars and the delivery takes five to seven days}",
    ]);
    check(&[
        "customer 5.0: {I have been with you since 1995 and in 2003 I moved to 15 Main Street}",
    ]);
    check(&["agent 5.0: {the flight leaves at 6:45 and lands at 9:15 from gate 22}"]);
    check(&["customer 5.0: {there were like twenty or thirty people in front of me}"]);
}

#[test]
fn mentions_are_not_questions() {
    check(&[
        "customer 5.0: {I lost my credit card yesterday and I am worried about it}",
        "agent: {I am sorry to hear that, let me block it for you.}",
        "customer: {thank you I appreciate it a lot}",
    ]);
    check(&[
        "agent 5.0: {Your card number is safe with us and is always encrypted.}",
        "customer: {good to know thank you}",
    ]);
    check(&[
        "agent 5.0: {We will never ask for your PIN or your password.}",
        "customer: {okay that is good to hear}",
    ]);
    check(&[
        "agent 5.0: {Please don't give me your full card number.}",
        "customer: {oh okay I will not then}",
    ]);
    check(&[
        "customer 5.0: {does the security code change when I get the new card}",
        "agent: {Yes it does, every card has its own.}",
    ]);
    check(&[
        "agent 5.0: {Would you like to pay by credit card or by check today?}",
        "customer: {I think I will send you a check}",
    ]);
    check(&[
        "customer 5.0: {I saw it on social media and social security is something else}",
        "agent: {right I understand completely}",
    ]);
    check(&[
        "agent 5.0: {Your subscription expires next month unless you renew it.}",
        "customer: {I want to cancel it then please}",
    ]);
}

#[test]
fn what_follows_a_complete_answer_is_heard() {
    check(&[
        "agent 5.0: {What is the security code?}",
        "customer: [one two three] |2.0| {and by the way can you tell me when it will arrive}",
        "agent: {It should be there on Friday.}",
        "customer: {okay perfect that works for me}",
    ]);
}

#[test]
fn a_refusal_ends_the_expectation() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: {I don't have it with me right now to be honest}",
        "agent: {No problem, we can send you a bill in the mail.}",
        "customer: {that would be great thank you very much for that}",
    ]);
}

#[test]
fn long_talk_is_not_hidden_for_ever() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: {well before we do that I wanted to ask you about the warranty because my neighbour told me that it covers the whole roof}",
        "agent: {Yes it covers everything for as long as you own the house.}",
        "customer: {that is really good to know because the last one did not}",
    ]);
}

#[test]
fn a_time_out_ends_the_expectation() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "agent 20.0: {I will be with you shortly.}",
        "customer 45.0: {are you still there with me}",
    ]);
}

#[test]
fn ordinary_talk_with_numbers_is_heard() {
    check(&[
        "agent 2.0: {Thank you for calling, my name is Ava, how can I help you today?}",
        "customer: {Hi Ava I bought two tickets for the show on the 24th and I only got one of them}",
        "agent: {I am sorry about that. Which show was it, the eight o'clock one?}",
        "customer: {yes the eight o'clock one in row 12}",
        "agent: {Give me one second while I check that for you.}",
        "customer: {sure no problem take your time}",
        "agent: {I can see two tickets for 8 pm, seats 14 and 15.}",
        "customer: {great so I just need to print them}",
    ]);
}

#[test]
fn what_belongs_to_a_card_is_not_its_number() {
    check(&[
        "agent 5.0: {What is the billing zip code for the card?}",
        "customer: {nine four one oh three}",
    ]);
    check(&[
        "agent 5.0: {And the name on the card?}",
        "customer: {it is Robert Miller the third}",
    ]);
    check(&[
        "agent 5.0: {What is the phone number on the account?}",
        "customer: {nine one eight nine oh six two six seven two}",
    ]);
    check(&[
        "agent 5.0: {just call the number on the back of your card}",
        "customer: {okay I will call them in the morning then}",
    ]);
    check(&[
        "agent 5.0: {Your card ending in 4821 was charged on Monday.}",
        "customer: {okay that is what I thought it was}",
    ]);
}

#[test]
fn talk_about_cards_with_numbers_is_heard() {
    check(&[
        "customer 5.0: {my credit card was charged 150 dollars twice in 2023 and I have called 3 times}",
        "agent: {I am sorry about that, I can see 2 charges of 75 dollars from June 14th}",
        "customer: {yes and the other one was on the 20th}",
    ]);
    check(&[
        "agent 5.0: {We charge your credit card every month and the plan costs $12.99}",
        "customer: {so about a hundred and fifty a year}",
    ]);
}

#[test]
fn insurance_and_travel_calls_are_heard() {
    check(&[
        "agent 2.0: {What is your policy number?}",
        "customer: {it's 7 7 4 2 1 dash 9 9 3}",
        "agent: {And the year, make and model of the vehicle?}",
        "customer: {It is a 2019 Honda Civic with 42,000 miles on it}",
        "agent: {And your flight number?}",
        "customer: {United 1482}",
        "agent: {And how old are the drivers?}",
        "customer: {thirty four and thirty six}",
    ]);
    check(&[
        "agent 2.0: {I have you confirmed on flight 2 2 8 1 departing at 7:45 AM, your confirmation code is 8 8 4 1 2 9.}",
        "customer: {can you say that again please}",
        "agent: {Sure, 8 8 4 1 2 9.}",
    ]);
}

#[test]
fn a_customer_who_asks_hides_only_digits() {
    check(&[
        "customer 5.0: {What is the security code?}",
        "agent: {It is printed on the back of the card next to the signature.}",
        "customer: {oh I see it now thank you}",
    ]);
}

#[test]
fn the_askers_own_amounts_are_heard() {
    check(&[
        "agent 5.0: {What is the security code?}",
        "customer: [nine zero four]",
        "agent: {Thank you. The total is $45.20 and I have you down for 2 tickets.}",
        "customer: {okay great when will I get them}",
        "agent: {In about 3 to 5 days, or call us at extension 245.}",
    ]);
}

#[test]
fn numbers_long_after_an_answer_are_heard() {
    check(&[
        "agent 5.0: {What is the security code?}",
        "customer: [nine zero four]",
        "agent: {Thank you. That has gone through.}",
        "customer 40.0: {by the way I live at 2 2 8 1 on the corner there}",
        "agent: {I see, 2 2 8 1, I will add that to the file.}",
    ]);
    check(&[
        "agent 5.0: {What is the security code?}",
        "customer: [nine zero four]",
        "agent 20.0: {And the last four digits of your card number?}",
        "customer: {four two four two}",
        "agent: {Got it, 4 2 4 2, the balance is $75.34.}",
    ]);
}
