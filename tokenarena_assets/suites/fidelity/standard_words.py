# ruff: noqa: E501, SIM905 - a list of words reads best as words
"""The words that the prompts of the standard tiers are made of; all begin with a consonant, for `a` to stand before."""

ANIMALS = (
    "badger bat bear beaver bison camel cat cheetah chicken cow crab crow deer dog dolphin donkey duck falcon ferret "
    "fox frog giraffe goat goose gorilla hamster hare hawk hedgehog heron hippopotamus horse hyena jackal jaguar koala "
    "kangaroo leopard lion lizard lobster lynx mole moose mouse panda parrot peacock pelican penguin pig pigeon rabbit "
    "raccoon rat raven reindeer rhinoceros salmon seal shark sheep skunk sloth snail snake sparrow spider squirrel "
    "stork swan tiger toad tortoise trout turkey turtle vulture walrus wasp weasel whale wolf wombat woodpecker zebra"
).split()
GOODS = (
    "backpack ball barometer barrel basket battery bell belt bench bicycle blanket blender boat bookshelf bottle bowl "
    "box bracelet brick bridge broom brush bucket button cable calendar camera candle canoe carpet chair chisel clock "
    "coat comb compass cup curtain desk dictionary door drill drum fan fence fork funnel glove hammer hat helmet hinge "
    "hose jacket kettle key keyboard kite knife ladder lamp lantern lens lever lock magnet map mattress microphone "
    "microscope mirror mug nail necklace needle net newspaper notebook paddle paintbrush pan pencil piano pillow pipe "
    "plate plough pot printer pulley pump radio raft rake ring rope ruler saddle sail saw scarf screw screwdriver "
    "shelf shoe shovel sieve sledge sofa spoon stapler stool stove suitcase sundial table tap telescope tent "
    "thermometer thermos ticket toaster torch towel tractor tray tripod trumpet turbine vase violin wallet watch wheel "
    "wheelbarrow whistle window wrench zip"
).split()
PROFESSIONS = (
    "baker barber beekeeper biologist blacksmith bookseller botanist bricklayer butcher carpenter cartographer cashier "
    "chemist chef clerk cobbler composer conductor cook dancer dentist detective diver doctor driver farmer firefighter "
    "fisherman florist gardener geologist glazier goldsmith journalist judge lawyer librarian lifeguard locksmith "
    "mechanic meteorologist midwife miner musician nurse nutritionist painter pharmacist photographer physicist pilot "
    "plumber poet porter potter programmer roofer sailor sculptor secretary shepherd singer soldier surgeon surveyor "
    "tailor teacher translator veterinarian waiter watchmaker weaver welder writer zoologist"
).split()
VENUES = (
    "bakery bank bookshop bus-station castle cathedral cave cinema circus concert-hall courtroom dairy desert factory "
    "farm fire-station forest gallery garage garden greenhouse gym harbour hospital hotel jungle kitchen kindergarten "
    "laboratory launderette library lighthouse market meadow mill monastery museum nursery palace park pharmacy "
    "playground port post-office quarry restaurant school shipyard stadium supermarket swamp tailor's-shop theatre "
    "train-station vineyard warehouse windmill workshop zoo"
).split()
VENUES = [venue.replace("-", " ") for venue in VENUES]
TOPICS = (
    "agriculture astronomy autumn baking beekeeping bicycles birds bridges camping carpentry chess climate coffee "
    "cooking dance dreams economics education electricity elections energy fishing football forests friendship gardens "
    "geography geometry glaciers health history honesty insects jazz journalism justice knitting languages law "
    "libraries light logic mathematics medicine memory metals migration money mountains music navigation night opera "
    "painting patience philosophy photography poetry pottery printing rain rivers sailing salt sculpture silence sleep "
    "snow sport spring statistics steam swimming tea textiles theatre time trade trains travel volcanoes water weather "
    "weaving wind winter wood writing"
).split()
COLOURS = "beige black blue brown golden green grey pink purple red silver turquoise violet white yellow".split()
PEOPLE = (
    "Aisha Amara Anders Beatriz Boris Carmen Chen Clara Dmitri Elena Farid Fatima Felix Grace Hana Hugo Ines Ivan Jamal "
    "Jonas Karin Kenji Leila Liam Lucia Magnus Mai Marta Mateo Mei Nadia Nikhil Nora Omar Paula Petra Priya Rafael "
    "Rosa Samir Sofia Tariq Thomas Valentina Viktor Wei Yara Yusuf Zainab Zofia"
).split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
