"""A scenario that can be played, and ones that cannot, with what is said of each."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
GOOD = """\
name = "good"
seed = 1

[task]
data = "digits"
model = "cnn8"
recipe = { epochs = 3 }

[innocents]
reporting_same = 2

[[owner]]
scheme = "uchida"

[[owner]]
name = "plain"
scheme = "none"

[[thief]]
name = "tune"
moves = ["ft-ll", { move = "ft-al", strength = 0.5 }]
threat = "whitebox_third"

[[thief]]
name = "idle"
moves = ["none"]
against = ["plain"]
threat = { preset = "weights_only_nodata", budget = { steps = 5 } }
"""


def edit(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


BAD = {
    "not toml": ("name = ", "expected TOML, found a fault: Invalid value (at end of document)"),
    "unknown key": (
        edit("seed = 1", "sed = 1"),
        "line 2: unknown key 'sed'; did you mean 'seed'?",
    ),
    "unknown key with a capital": (
        edit("seed = 1", "Seed = 1"),
        "line 2: unknown key 'Seed'; did you mean 'seed'?",
    ),
    "unknown key with the name of a type": (
        edit("seed = 1", "str = 1"),
        "line 2: unknown key 'str'; known are description, device, experiment, innocents, isolate, "
        "limits, max_loss, name, owner, paired, players, repeats, seed, task, thief, tolerance",
    ),
    "unknown table": (
        GOOD + "\n[innocent]\nreporting_same = 1\n",
        "line 30: unknown key 'innocent'; did you mean 'innocents'?",
    ),
    "unknown key in a table": (
        edit("reporting_same", "reporting_sam"),
        "line 10: unknown key 'innocents.reporting_sam'; did you mean 'reporting_same'?",
    ),
    "unknown key in a thief": (
        edit('against = ["plain"]', 'againts = ["plain"]'),
        "line 27: unknown key 'thief.1.againts'; did you mean 'against'?",
    ),
    "unknown key in a recipe": (
        edit("{ epochs = 3 }", "{ epoch = 3 }"),
        "line 7: unknown key 'task.recipe.epoch'; did you mean 'epochs'?",
    ),
    "no name": (edit('name = "good"\n', ""), "expected a key 'name', found none; add it"),
    "empty name": (
        edit('name = "good"', 'name = ""'),
        "line 1: 'name': expected string should have at least 1 character, found ''",
    ),
    "a name that is no file name": (
        edit('name = "good"', 'name = "a/b"'),
        "line 1: 'name': expected string should match pattern "
        "'^[A-Za-z0-9][A-Za-z0-9._-]*$', found 'a/b'",
    ),
    "negative seed": (
        edit("seed = 1", "seed = -1"),
        "line 2: 'seed': expected greater than or equal to 0, found -1",
    ),
    "seed of the wrong type": (
        edit("seed = 1", 'seed = "one"'),
        "line 2: 'seed': expected a whole number, found 'one'",
    ),
    "a number in quotes": (
        edit("seed = 1", 'repeats = "1"'),
        "line 2: 'repeats': expected a whole number, found '1'",
    ),
    "a truth value for a number": (
        edit("seed = 1", "repeats = true"),
        "line 2: 'repeats': expected a whole number, found true",
    ),
    "a number for a truth value": (
        edit("seed = 1", "paired = 1"),
        "line 2: 'paired': expected true or false, found 1",
    ),
    "a text for a truth value": (
        edit("seed = 1", 'paired = "yes"'),
        "line 2: 'paired': expected true or false, found 'yes'",
    ),
    "a number for a text": (
        edit("seed = 1", "description = 1"),
        "line 2: 'description': expected a text, found 1",
    ),
    "a number for a table": (
        edit("[task]", "limits = 1\n[task]"),
        "line 4: 'limits': expected a table, found 1",
    ),
    "a budget in quotes": (
        edit("steps = 5", 'steps = "5"'),
        "line 24: 'steps': expected a whole number, found '5'",
    ),
    "a number longer than any": (
        edit("seed = 1", f"seed = 0x{'f' * 5000}"),
        "line 2: 'seed': expected a number of at most 14000 bits, found a longer one",
    ),
    "nested too deeply": (
        f"name = {'[' * 5000}{']' * 5000}",
        "expected TOML, found a fault: nested too deeply",
    ),
    "more memory than any machine has": (
        f"{GOOD}\n[limits]\nmemory_mb = 1000000000000\n",
        "line 31: 'limits.memory_mb': expected less than or equal to 16777216, found 1000000000000",
    ),
    "a step that never ends": (
        f"{GOOD}\n[limits]\nstep_s = 1e300\n",
        "line 31: 'limits.step_s': expected less than or equal to 10000000, found 1e+300",
    ),
    "patience without end": (
        edit("{ epochs = 3 }", "{ epochs = 3, patience = 1000000000000 }"),
        "line 7: 'task.recipe.patience': expected less than or equal to 1000000, found "
        "1000000000000",
    ),
    "no repeats": (
        edit("seed = 1", "repeats = 0"),
        "line 2: 'repeats': expected greater than or equal to 1, found 0",
    ),
    "unknown device": (
        edit("seed = 1", 'device = "gpu"'),
        "line 2: 'device': expected 'auto', 'cpu' or 'cuda', found 'gpu'",
    ),
    "unknown data": (
        edit('data = "digits"', 'data = "digit"'),
        "line 4: no data set is called 'digit'; did you mean 'digits'?",
    ),
    "unknown model": (
        edit('model = "cnn8"', 'model = "lenet"'),
        "line 4: no model is called 'lenet'; did you mean 'lenet5'?",
    ),
    "unknown argument of a model": (
        edit('model = "cnn8"', 'model = "cnn8"\narguments = { nrom = "none" }'),
        "line 4: model 'cnn8' has no argument 'nrom'; did you mean 'norm'?",
    ),
    "shares beyond one": (
        edit("[innocents]", "shares = { owner = 0.9 }\n[innocents]"),
        "line 9: 'task.shares': expected owner + thief + calibration of at most 1, found 1.4; "
        "lower one, found {'owner': 0.9}",
    ),
    "zero epochs below": (
        edit("{ epochs = 3 }", "{ epochs = -3 }"),
        "line 7: 'task.recipe.epochs': expected greater than or equal to 0, found -3",
    ),
    "unknown scheme": (
        edit('scheme = "uchida"', 'scheme = "uchda"'),
        "line 12: no defender is called 'uchda'; did you mean 'uchida'?",
    ),
    "unknown setting of a scheme": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { n_bit = 8 }'),
        "line 12: defender 'uchida' has no setting 'n_bit'; did you mean 'n_bits'?",
    ),
    "setting of the wrong type": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { n_bits = "many" }'),
        "line 12: defender 'uchida': setting 'n_bits': input should be a valid integer, found "
        "'many'",
    ),
    "a setting in quotes": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { n_bits = "32" }'),
        "line 12: defender 'uchida': setting 'n_bits': input should be a valid integer, found '32'",
    ),
    "scheme without a key": (
        edit('[[owner]]\nscheme = "uchida"', "[[owner]]"),
        "line 12: expected a key 'owner.0.scheme', found none; add it",
    ),
    "unknown protocol": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nprotocol = "honour"'),
        "line 14: 'owner.0.protocol': expected 'none', 'timestamp', 'prf-labels', 'seeded', "
        "'nulls', 'bound', 'lineage' or 'full', found 'honour'",
    ),
    "verification below what the scheme reads": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nverification = "labels"'),
        "line 12: 'uchida' verifies by weights, the scenario grants labels; "
        'set verification = "weights"',
    ),
    "no owners": (
        'name = "x"\nowner = []\n[[thief]]\nname = "t"\nmoves = ["none"]',
        "line 2: 'owner': expected a list of at least one, found []; add one",
    ),
    "two owners of one name": (
        edit('name = "plain"\nscheme = "none"', 'scheme = "uchida"').replace(
            '["plain"]', '["uchida"]'
        ),
        "line 15: two owners are called 'uchida'; give one a name",
    ),
    "two thieves of one name": (
        edit('name = "idle"', 'name = "tune"'),
        "line 24: two thieves are called 'tune'; give one a name",
    ),
    "no moves": (
        edit('moves = ["none"]', "moves = []"),
        "line 26: 'thief.1.moves': expected a list of at least one, found []; add one",
    ),
    "one move that is no list": (
        edit('moves = ["none"]', 'moves = "overwrite"'),
        "line 26: 'thief.1.moves': expected a list, found 'overwrite'; "
        'write moves = ["overwrite"]',
    ),
    "one table that is no list": (
        edit('moves = ["none"]', 'moves = { move = "prune", strength = 0.5 }'),
        "line 26: 'thief.1.moves': expected a list, found {'move': 'prune', 'strength': 0.5}; "
        'write moves = [{ move = "prune", strength = 0.5 }]',
    ),
    "a setting beside its move": (
        edit('moves = ["none"]', 'moves = [{ move = "prune", rate = 0.6 }]'),
        "line 26: unknown key 'thief.1.moves.0.rate'; known are move, settings, strength; "
        "of a player's own settings write settings = { rate = 0.6 }",
    ),
    "a setting beside its moves": (
        edit('moves = ["none"]', 'moves = ["prune"]\nrate = 0.6'),
        "line 27: unknown key 'thief.1.rate'; known are against, moves, name, threat; "
        'of a move\'s own settings write moves = [{ move = "...", settings = { rate = 0.6 } }]',
    ),
    "a setting beside its scheme": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nn_bits = 32'),
        "line 14: unknown key 'owner.0.n_bits'; known are name, protocol, scheme, settings, "
        "verification; of a player's own settings write settings = { n_bits = 32 }",
    ),
    "unknown move": (
        edit('"ft-ll"', '"ft-lll"'),
        "line 19: no attacker is called 'ft-lll'; did you mean 'ft-ll'?",
    ),
    "strength beyond one": (
        edit("strength = 0.5", "strength = 5"),
        "line 21: 'thief.0.moves.1.strength': expected less than or equal to 1, found 5",
    ),
    "unknown threat model": (
        edit('"whitebox_third"', '"whitebox_thrid"'),
        "line 19: expected a threat model, found 'whitebox_thrid'; did you mean 'whitebox_third'?",
    ),
    "unknown grant": (
        edit("budget = { steps = 5 }", "grant = { outputs = 'labels' }"),
        "line 24: unknown key 'outputs'; did you mean 'output'?",
    ),
    "unknown meter": (
        edit("steps = 5", "stpes = 5"),
        "line 24: unknown key 'stpes'; did you mean 'steps'?",
    ),
    "needs what is not granted": (
        edit('threat = "whitebox_third"', 'threat = "blackbox_label"'),
        "line 19: 'ft-ll' needs output 'weights' (granted: 'labels'); data labels; "
        "grant it in `threat`",
    ),
    "an open pool": (
        edit(
            'moves = ["ft-ll", { move = "ft-al", strength = 0.5 }]', 'moves = ["knockoff"]'
        ).replace('"whitebox_third"', '"surrogate_pool"'),
        "line 19: the threat model leaves the pool open; name a data set in `grant`",
    ),
    "against nobody": (
        edit('against = ["plain"]', 'against = ["plane"]'),
        "line 24: no owner is called 'plane'; did you mean 'plain'?",
    ),
    "an owner that cannot play the task": (
        edit('scheme = "uchida"', 'scheme = "lottery"').replace('"cnn8"', '"mlp"'),
        "line 12: 'lottery' needs convolutions, found mlp; choose another model",
    ),
    "a thief that cannot play the task": (
        edit('"cnn8"', '"tree"').replace('scheme = "uchida"', 'scheme = "none"\nname = "u"'),
        "line 20: 'ft-ll' needs a model that learns by gradients, found tree; choose another model",
    ),
    "a model that takes other inputs": (
        edit('"digits"', '"wine"'),
        "line 4: cnn8 takes images (channels, height, width) of at least 4x4 pixels, found the "
        "input shape (13,); choose a smaller architecture",
    ),
    "a folder that is not there": (
        edit('"digits"', '"folder:/nowhere"'),
        "line 4: expected a folder at /nowhere, found nothing there; check the path",
    ),
    "players that are not there": (
        edit("seed = 1", 'players = ["nobody.py"]'),
        f"line 2: expected a Python file with players at {HERE / 'nobody.py'}, found none",
    ),
    "a rate without end": (
        edit("{ epochs = 3 }", "{ epochs = 3, lr = inf }"),
        "line 7: 'task.recipe.lr': expected a finite number, found inf",
    ),
    "a rate that is too high": (
        edit("{ epochs = 3 }", "{ epochs = 3, lr = 1e6 }"),
        "line 7: 'task.recipe.lr': expected less than or equal to 1000, found 1000000.0",
    ),
    "a setting that is no number": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { strength = nan }'),
        "line 14: 'owner.0.settings.strength': expected a finite number, found nan",
    ),
    "a date": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { strength = 2020-01-01 }'),
        "line 14: 'owner.0.settings.strength': expected a number, a text or a truth value, found "
        "2020-01-01",
    ),
    "a seed beyond 64 bits": (
        edit("seed = 1", "seed = 123456789012345678901234567890"),
        "line 2: 'seed': expected less than 9223372036854775808, found "
        "123456789012345678901234567890",
    ),
    "more innocents than anybody can train": (
        edit("reporting_same = 2", "reporting_same = 1000000000"),
        "line 10: 'innocents.reporting_same': expected less than or equal to 10000, found "
        "1000000000",
    ),
    "shares of nothing": (
        edit("{ epochs = 3 }", "{ epochs = 3 }\nshares = { owner = 1e-300 }"),
        "line 8: 'task.shares.owner': expected greater than or equal to 0.001, found 1e-300",
    ),
    "a batch that fits no memory": (
        edit("{ epochs = 3 }", "{ epochs = 3, batch = 1000000000000 }"),
        "line 7: 'task.recipe.batch': expected less than or equal to 1000000, found 1000000000000",
    ),
    "an owner with too many bits": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { n_bits = 1000000000 }'),
        "line 12: defender 'uchida': setting 'n_bits': expected at most 10,000,000, found "
        "1000000000",
    ),
    "an owner with less than no triggers": (
        edit('scheme = "uchida"', 'scheme = "adi"\nsettings = { n_triggers = -5 }'),
        "line 12: defender 'adi': setting 'n_triggers': expected at least 0, found -5",
    ),
    "a thief whose name leaves the folder": (
        edit('name = "idle"', 'name = "../../../tmp/evil"'),
        "line 25: 'thief.1.name': expected string should match pattern "
        "'^[A-Za-z0-9][A-Za-z0-9._+-]*$', found '../../../tmp/evil'",
    ),
    "a thief without a name": (
        edit('name = "idle"', 'name = ""'),
        "line 25: 'thief.1.name': expected string should match pattern "
        "'^[A-Za-z0-9][A-Za-z0-9._+-]*$', found ''",
    ),
    "a thief whose name is too long": (
        edit('name = "idle"', f'name = "{"n" * 3000}"'),
        "line 25: 'thief.1.name': expected string should have at most 64 characters, found "
        f"'{'n' * 56}...",
    ),
    "an owner whose name leaves the folder": (
        edit('name = "plain"', 'name = ".."'),
        "line 16: 'owner.1.name': expected string should match pattern "
        "'^([A-Za-z0-9][A-Za-z0-9._+-]*)?$', found '..'",
    ),
    "two matches of one name": (
        edit('name = "plain"', 'name = "uchida-vs-idle"').replace('"idle"', '"none"')
        + '\n[[thief]]\nname = "idle-vs-none"\nmoves = ["none"]\n',
        "two matches would be called 'uchida-vs-idle-vs-none'; rename an owner or a thief",
    ),
    "a thief that knows what nobody can": (
        edit('threat = "whitebox_third"', 'threat = { grant = { knows = ["everything"] } }'),
        "line 19: no scheme exposes 'everything' to a thief that knows it; known are base, "
        "passport, scheme, tests",
    ),
    "queries without a budget for them": (
        edit(
            'moves = ["ft-ll", { move = "ft-al", strength = 0.5 }]', 'moves = ["knockoff"]'
        ).replace(
            '"whitebox_third"',
            '{ preset = "surrogate_pool", grant = { pool = "shapes" }, '
            "budget = { images_queried = 0 } }",
        ),
        "line 19: 'knockoff' needs a budget of images_queried above 0; grant it in `threat`",
    ),
}
