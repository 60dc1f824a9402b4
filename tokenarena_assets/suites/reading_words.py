# ruff: noqa: SIM905 - a list of words reads best as words
"""The words that reading matter is made of, by their part in a sentence."""

NAMES = (
    "Adele Albert Amara Andrew Anita Arthur Astrid Beatrice Bernard Carla Cecil Clara Conrad Dalia Daniel Diana Edgar "
    "Edith Elena Emilio Esther Farid Felix Fiona Frances Gerald Gloria Greta Harold Helena Henry Irene Isaac Jacob "
    "Jasmine Joseph Julia Karim Laura Leonard Lillian Louis Lucas Mabel Marcus Margaret Marina Martin Matilda Miriam "
    "Nadia Nathan Nora Oliver Oscar Patricia Pauline Peter Philip Priya Rachel Raymond Rebecca Richard Robert Rosalind "
    "Samuel Sandra Simon Sophia Stefan Susan Teresa Thomas Ursula Valerie Victor Vincent Walter Wanda William Yasmin"
).split()
PEOPLE = (
    "architect baker captain carpenter clerk doctor driver editor engineer farmer fisherman gardener guard guide "
    "inspector judge keeper lawyer librarian mayor mechanic merchant miller miner neighbour nurse officer painter "
    "pilot porter printer sailor secretary shepherd singer student surveyor tailor teacher visitor waiter writer"
).split()
THINGS = (
    "account agreement barrel basket bicycle blanket bottle bracelet bundle cabinet calendar carriage catalogue chart "
    "clock collection compass contract curtain diary document drawing engine envelope fence furnace garment hammer "
    "harvest instrument journal kettle ladder lantern ledger letter machine manuscript map medicine message mirror "
    "newspaper notebook package painting parcel pattern photograph picture pipe portrait pump receipt record report "
    "rope saddle sample schedule shelter signal statue suitcase telescope ticket timetable tool trunk umbrella vessel "
    "violin wagon weapon window"
).split()
PLACES = (
    "airport archive barracks bridge canal castle cathedral cellar chapel coast college corner courtyard district "
    "factory ferry field forest garden gate hall harbour highway hospital hotel island junction kitchen laboratory "
    "lake library lighthouse market meadow mill mine monastery mountain museum observatory office orchard palace park "
    "pier plain port prison quarry railway reservoir river school shore square stable station street studio summit "
    "theatre tower tunnel valley village vineyard warehouse workshop"
).split()
QUALITIES = (
    "ancient bitter bright broken careful cheap clean clear common complete curious damp dangerous deep delicate "
    "distant dusty early empty enormous expensive faint familiar famous fine foreign formal fragile fresh gentle heavy "
    "hidden hollow important incomplete large late local lonely loud modern narrow nervous obvious old ordinary "
    "pale patient peaceful plain polite practical private quiet rare recent reliable remarkable rough secret serious "
    "sharp silent simple slow small solid strange strong sudden tall temporary thin tired valuable warm "
    "wide wooden worn"
).split()
MANNERS = (
    "calmly carefully early eagerly easily finally firmly gradually hardly late loudly partly patiently quickly "
    "quietly rarely slowly soon suddenly twice"
).split()
DEEDS = (
    "accepted admired arranged borrowed carried cleaned collected copied counted delivered described discovered "
    "examined exchanged expected followed found guarded ignored inspected kept left lost measured mended missed moved "
    "noticed opened ordered painted prepared promised received refused remembered removed repaired returned saved "
    "searched sold stored studied touched tried used washed watched weighed"
).split()
FEELINGS = (
    "alone ashamed certain cheerful content disappointed free grateful guilty puzzled ready relieved safe surprised"
).split()
TIMES = (
    "A week later|After the meeting|At dawn|At noon|Before supper|By the end of the month|During the storm|"
    "For almost an hour|For the first time in years|In the afternoon|In those days|Late that evening|Not long ago|"
    "On the following day|One morning|Shortly before midnight|That winter|Toward the end of summer|Two days before|"
    "Within a few minutes"
).split("|")
REASONS = (
    "because nobody else had time|because the road was closed|because the weather had changed|"
    "although it was none of their business|although the price was too high|as the letter had asked|"
    "before anyone could object|but never spoke of it again|in spite of every warning|in order to be sure of it|"
    "just as the bells began to ring|since there was no other way|so that nothing would be lost|"
    "unless the others were mistaken|until the light was gone|while the rest of them waited outside|"
    "without asking for anything in return"
).split("|")
WORDS = {
    "name": NAMES,
    "person": PEOPLE,
    "thing": THINGS,
    "place": PLACES,
    "quality": QUALITIES,
    "manner": MANNERS,
    "deed": DEEDS,
    "feeling": FEELINGS,
    "time": TIMES,
    "reason": REASONS,
}
SENTENCES = (
    "{time} the {person} {deed} a {quality} {thing} near the {place}.",
    "{name} {manner} {deed} the {thing} {reason}.",
    "The {place} was {quality}, and the {place} behind it was {quality} and {quality}.",
    "There were {number} {thing}s in the {place}, and {name} {deed} all of them {reason}.",
    '"{time} I {deed} the {thing}," said {name}, "and I felt {feeling}."',
    "Nobody in the {place} {deed} what the {person} had {deed} {reason}.",
    "{time}, {name} and the {person} went to the {place} {reason}.",
    "It was a {quality} {thing}, too {quality} for the {person} of the {place}.",
    "{name} had {deed} it in {year}, when the {place} was still {quality}.",
    "Every {person} knew that the {thing} from the {place} was {quality}.",
)
