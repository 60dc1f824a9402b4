"""The word lists that the templates of the tiny tier draw from."""

NAMES = (
    "Ada Ben Cleo Dan Eva Finn Gia Hugo Ida Jon Kim Leo Mia Noah Ola Pia Quin Rosa Sam Tom Una Vera Will Yara "
    "Zoe Amir Bea Carl Dora Emil Faye Gus Hana Ivan Jade Kofi Lena Max Nina Omar Pam Ravi Sara Theo Uma Viktor "
    "Wen Xena Yusuf Zara"
).split()
OBJECTS = (
    "apple ball bell boat book box bread brush bucket button cake camera candle card chair clock coat coin cup "
    "desk doll drum fan flag flute fork game glass glove hammer hat horn jar kettle key kite knife ladder lamp "
    "map mask mirror mug nail needle pan pen phone piano pillow plate pot radio ring rope ruler scarf shell shoe "
    "spoon stamp stick stone sword table tent ticket towel toy vase violin wallet watch wheel whistle"
).split()
COUNTED = "apples balls books boxes cards coins cups eggs flowers keys marbles pens shells stamps stones toys".split()
CONTAINERS = "bags baskets boxes crates jars packs rows shelves".split()
PLACES = "beach bridge castle cave farm field forest garden hill house island lake market mill park river road school shop town".split()
ANIMALS = "bear bird cat cow crab deer dog duck fish fox frog goat horse lion mouse owl pig rabbit sheep wolf".split()
COLOURS = "black blue brown gold gray green orange pink purple red silver white yellow".split()
MOODS = "angry brave calm cold curious glad happy hungry lazy lonely proud quiet sad sleepy tired warm".split()
KEYS = (
    "alpha bravo delta echo golf hotel india kilo lima metro nova oscar papa quest romeo sierra tango ultra vega "
    "whisky zulu amber birch cedar denim ember flint grove hazel ivory jasper karma lotus maple night ocean pearl "
    "quartz raven sable thorn umber velvet willow xenon yield zephyr"
).split()
