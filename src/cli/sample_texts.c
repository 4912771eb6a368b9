/* sample_texts.c: the texts. */
#include "cli/sample_texts.h"

const char *const cli_sample_texts[CLI_SAMPLE_TEXTS] = {
    "I went in expecting very little and came out grinning. The pacing is brisk, the two leads "
    "play off each other beautifully, and even the smaller parts feel like people you might "
    "actually meet one day.",
    "Two hours of my life gone. The plot stumbles from one coincidence to the next, nobody "
    "talks like a human being, and the big twist was printed, more or less, on the poster. "
    "Save your money for popcorn.",
    "Delivery took nine days instead of two, the box was crushed on one side, and when I "
    "called the hotline I was cut off three times. The kettle itself works, I suppose, but I "
    "won't order here again!",
    "@northline thanks for sorting out my seat so quickly this morning :) your gate staff in "
    "Leeds were patient and kind while half the queue was shouting at them. That deserves a "
    "raise, honestly. #travel",
    "The museum is open from ten to six, closed on Mondays, and the entrance is at the back of "
    "the building, next to the bakery. Tickets cost 12 euros; children under seven get in free "
    "with an adult.",
    "We stayed four nights in a room on the third floor. Bed comfortable, shower hot, "
    "breakfast plain but plentiful. The street is noisy until midnight, so bring earplugs. For "
    "this price we'd come back.",
    "Worst update ever. The app used to open in a second, now it freezes on the splash screen, "
    "drains the battery and forgets my password every single day. Please just give us the old "
    "version back...",
    "My grandmother knitted with this yarn for thirty years and I finally see why: it doesn't "
    "split, it washes well, and the colours stay bright. The heather grey is even prettier "
    "than in the pictures.",
    "Battery lasts about a day and a half with normal use. The screen is bright enough for the "
    "garden but not for the beach. Speakers are so-so, the camera is decent by day and useless "
    "by night. 3/5.",
    "I can't believe how good the lentil soup was. Smoky, a bit of lemon, warm bread on the "
    "side. The waiter even brought a second helping without being asked. Tiny place &amp; big "
    "heart. Already booked again.",
    "Honestly the sequel nobody asked for. Everything that made the first one charming has "
    "been sanded off, replaced by explosions and product placement. My kids, who are seven and "
    "nine, asked to leave.",
    "The council published its report on the bridge today. Repairs will begin in March and "
    "last about eleven weeks; traffic is to be diverted over Mill Lane. A public hearing takes "
    "place next Thursday.",
    "Great boots, terrible laces. After a month of hiking in rain and mud the leather still "
    "looks new, my feet were dry the whole time, and only the laces frayed. A two-dollar fix. "
    "Would buy again, sure.",
    "Dear @brightcell, my internet has been down since Friday, your chat bot keeps asking me "
    "to restart the router, and I work from home. This is beyond ridiculous. Who do I have to "
    "call to cancel?! :(",
    "What a gorgeous little book. Quiet, funny, full of sentences I wanted to read aloud. It "
    "made me miss my stop twice. I have given away three copies since Christmas and nobody has "
    "returned one so far.",
    "It does what it says on the tin. Not pretty, not silent, but it cuts the grass and it "
    "starts on the first pull. Assembly took forty minutes because step six in the manual "
    "shows a different model.",
    "The second season loses its way somewhere around episode four. Characters vanish without "
    "a word, jokes get repeated, and the finale just stops mid-scene as if somebody had "
    "tripped over the cable.",
    "Shout-out to the night nurse on ward 5B who held my dad's hand for an hour because he was "
    "scared. You won't read this, but our whole family will remember you. Thank you, thank "
    "you, thank you <3",
    "Ordered medium, received small, exchanged it, received small again. Third try was a "
    "medium in the wrong colour. The fabric is scratchy anyway and smells of glue. Returned "
    "everything. Never again 😡",
    "Quarterly revenue rose four percent to 312 million, in line with what analysts had "
    "expected. The company left its outlook for the year unchanged and said the search for a "
    "new chairman continues.",
    "I'm not usually one for musicals, but I wasn't bored for a minute. The stage turns, the "
    "band is live, and there's a duet in the second act that left everyone around me wiping "
    "their eyes. Go!<br /><br />",
    "The hotel pool was green. Not \"a bit cloudy\", green. Reception offered us a voucher for "
    "the bar, which was closed. We left two days early and are still waiting for the refund "
    "they promised in May.",
    "Pros: light, sturdy, cheap, looks smart on a desk. Cons: the hinge creaks when it's cold "
    "and the power light is bright enough to read by. I put tape over it and now I have "
    "nothing to complain about.",
    "Just landed after 14 hours and my suitcase is in another country, again. Third time this "
    "year with the same airline. The lady at the desk was lovely about it, which somehow makes "
    "it worse, haha.",
    "This vacuum changed my life, and I have two dogs and a toddler. Crumbs, hair, sand, "
    "glitter: gone. The bin empties with one click and the filter rinses clean under the tap. "
    "Worth every single penny.",
    "The lecture begins with a short history of the telescope, then moves on to mirrors, "
    "coatings and mounts. Slides are available online. Participants should bring a notebook "
    "and a pocket calculator.",
    "Flat, predictable and about forty minutes too long. The lead actor looks as bored as I "
    "felt, the score never shuts up, and the dialogue could have been written by a committee "
    "of tired accountants.",
    "Came for the coffee, stayed for the cardamom buns. They sell out by ten, so be early. The "
    "owner remembers your name after the second visit and your order after the third. Best "
    "café in this city ☕",
    "My order arrived on time and was complete. I haven't tried the blue one yet, but the red "
    "pen writes smoothly and doesn't smear. Packaging was plain cardboard without any plastic, "
    "as described.",
    "Do not trust the reviews. I bought two of these lamps; one flickers, the other never "
    "turned on. Support answered after eleven days with a link to the page I had just come "
    "from. Absolute rubbish.",
    "So proud of this team tonight. Down by two at half-time, ten players on the pitch, and "
    "they still fought back to win it in the last minute. I've lost my voice and I couldn't "
    "care less!!! #believe 🎉🎉",
    "The documentation is thorough if a little dry, installation went without a hitch, and my "
    "old projects opened at once. It still crashes when I print, which is annoying, but they "
    "fix things quickly.",
    "An unpleasant surprise: the subscription renews itself for a whole year, the button to "
    "stop it is hidden four menus deep, and the reminder mail comes a day after the charge. "
    "That's simply dishonest.",
    "We had our wedding dinner here and I would not change a thing. Forty guests, six "
    "allergies, two babies, and not one plate came out late or wrong. The chef came to the "
    "table afterwards. Just perfect.",
    "It rained all week, the path was closed after kilometre nine, and the hut had run out of "
    "soup. Still, the view from the saddle at sunrise was the kind of thing you tell people "
    "about for years.",
    "The committee consists of nine members, three of whom are elected each spring. Minutes "
    "are kept in the office and may be read on request. The next meeting is on the fourteenth "
    "at half past five.",
    "Overpriced and undercooked. My chicken was pink in the middle, the rice was cold, and "
    "they charged us for tap water. When we mentioned it, the manager shrugged and pointed at "
    "the door. Charming...",
    "I've owned four of these headphones and this is the first pair that survived my commute. "
    "Clear voices, soft pads, buttons you can find without looking. The case is bulky, but "
    "that's a small price.",
    "Her new album isn't bad, it just isn't finished. Some songs end where they should begin, "
    "others repeat one good idea until it wears out. I liked the quiet piano piece near the "
    "end, and its lyrics.",
    "Spent three evenings trying to get this printer onto the network. It worked for an hour "
    "on Sunday, then asked for cyan to print in black. It now lives in the cellar with its "
    "cables around its neck.",
    "Our guide knew every bird by its call and every bend of the river by name. The children "
    "are still drawing otters. If you do one thing on the island, do this, and take a warm "
    "jumper for the boat back.",
    "The parcel was handed to a neighbour on Tuesday at 11:42. A signature is on file. If you "
    "have further questions about delivery 4481-07, please reply to this message within "
    "fourteen days. Kind regards",
    "There is a great film somewhere in here, buried under slow motion and whispering. Take "
    "away the narrator, half of the flashbacks and that awful song, and I'd have loved it. As "
    "it stands: a pity.",
    "Cancelled my membership today. The showers have been cold since January, half of the "
    "machines carry an \"out of order\" sign, and yet the fee went up twice. The trainers were "
    "friendly, I'll miss them.",
    "Little things make this bike a joy: the bell sounds like a real bell, the stand doesn't "
    "wobble, the saddle fits. I ride it to work in every kind of weather and arrive in a "
    "better mood than I left.",
    "You'd think a company this size could manage to answer an email. Four weeks, five "
    "messages, not a word. My deposit is gone and so is my patience. Small claims court it is, "
    "then. Shame on you all.",
    "The recipe asks for 250 g of flour, two eggs, a pinch of salt and a quarter of a litre of "
    "milk. Let the batter rest for half an hour, then bake thin pancakes in butter over a "
    "medium flame. Serves 4.",
    "I laughed, I cried, I rang my sister. A film about nothing much, a bakery, a bus, a "
    "broken tooth, and yet I cannot stop thinking about it. The final shot is worth the price "
    "of the ticket on its own.",
    "Bought as a gift, returned as a lesson. The \"solid oak\" is paper on chipboard, two "
    "screws were missing, and the drawer will not close. It looks fine in the photo as long as "
    "nobody breathes near it.",
    "OK so the new keyboard is here and... it's fine? Keys are quieter, spacebar is a bit "
    "stiff, lights are pretty. Not sure it was worth twice what I paid for the last one. lol "
    "http://example.com/kb7",
    "What impressed me most was the honesty. The mechanic showed me the worn part, told me it "
    "would last another year, and charged nothing for looking. I've sent five friends there "
    "since, all of them happy.",
    "Too salty, too loud, too dark to read the menu. The music was so overwhelming that we "
    "ended up typing messages to each other across the table. At least the dessert came fast, "
    "and then so did the bill.",
    "The train leaves platform 4 at 08:15 and arrives at 11:02, with stops in Harwell, Dunmore "
    "and Eastgate. Seats can be reserved up to one hour before departure. Bicycles need a "
    "ticket of their own.",
    "Brilliant customer service! My coffee grinder gave up after three years, well out of "
    "warranty, and they still sent me a new motor with a hand-written note. I didn't even ask. "
    "Fans for life, truly.",
    "I wanted to like it. The trailer is clever, the cast is a dream, and the first ten "
    "minutes sparkle. Then the script runs out of ideas and everyone starts running down "
    "corridors. Such a waste of talent.",
    "Mixed feelings about this tent. Up in five minutes, dry after a whole night of storm, but "
    "the zip jams at the corner every time and the bag is far too small to get it back in. "
    "Good value overall.",
    "Please don't send your kids there. The staff scrolled through their phones while two boys "
    "were fighting, the playground has broken glass in it, and nobody apologised when we "
    "complained. I'm furious.",
    "Never thought I'd write a love letter to a dishwasher, but here we are. It's silent. It "
    "dries. It fits my tallest glasses and it sends no messages to my telephone. Ten out of "
    "ten, no notes at all.",
    "He says he will decide after the holidays whether to run again. Polls from last week put "
    "him level with his rival, with one voter in five undecided. Both parties hold their "
    "conventions in August.",
    "The sound is muddy, the bass rattles, and the left side died after a fortnight. I've had "
    "better from a free pair on a plane. If you value your ears or your money, keep walking "
    "and don't look back.",
    "Cosy, clean, quiet, and five minutes from the lake. The hosts left us fresh eggs and a "
    "map with their favourite walks. We wanted to stay a weekend and stayed a week; the dog "
    "refused to get in the car.",
    "The update fixes an error in the export of tables, adds two languages, and changes the "
    "default paper size to A4. Users of version 3 should make a copy of their settings before "
    "they install it.",
    "Not once did this phone let me down in two years, and I've dropped it in a lake. The new "
    "one slows to a crawl when I open the map, gets hot, and can't find a signal in my "
    "kitchen. Progress, I guess.",
    "If you're on the fence: do it. The course is demanding, the feedback is detailed and "
    "kind, and I learned more in eight weeks than in the two years before. My only regret is "
    "that I didn't start sooner.",
};
