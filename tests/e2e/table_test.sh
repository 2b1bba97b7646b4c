#!/usr/bin/env bash
# encode --input: the texts of any table to vectors, a row each in the order of the input, with a model of one's own.
# The same bytes at any ranks and threads and after files are lost; what is no table is refused.
. "$(dirname "$0")/lib.sh"
small_corpus 200
ranks 2 run --input corpus/events.csv "${quick[@]}" --out model >/dev/null
/usr/bin/python3 - <<'P'
import csv, random
texts = [row["text"] for row in csv.DictReader(open("corpus/events.csv", encoding="utf-8")) if row.get("text")]
random.seed(1)
rows = [random.choice(texts) for _ in range(1500)]
rows[3], rows[1499], rows[700] = "", 'said "yes",\nand left', rows[3 + 5]
rows[8] = rows[700]
def write(name, rows, newline="\n"):
    with open(name, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator=newline)
        out.writerow(["id", "title"])
        out.writerows([[i, text] for i, text in enumerate(rows)])
write("items.csv", rows)
write("first.csv", rows[:613], "\r\n"), write("second.csv", rows[613:])
write("reversed.csv", rows[::-1])
with open("lines.txt", "w", encoding="utf-8") as file: file.write("".join(text.replace("\n", " ") + "\n" for text in rows))
P
encode=(encode --model model/model --precision fp32 --log-level warning)
table=("${encode[@]}" --text-column title --input)
ranks 1 "${table[@]}" items.csv --threads 1 --out one
expected=$(digest one)
for n in 2 3 5; do
  ranks "$n" "${table[@]}" items.csv --threads "$((n % 2 + 1))" --out "ranks$n"
  [ "$(digest "ranks$n")" = "$expected" ] || fail "$n ranks give another digest"
done
# A column called `text` needs no option.
sed '1s/title/text/' items.csv >called_text.csv
ranks 2 "${encode[@]}" --input called_text.csv --out called
vectors() { /usr/bin/python3 -c "import h5py, hashlib, sys; print(hashlib.sha256(h5py.File('$1/kohort.h5')['/obsm/embedding'][:].tobytes()).hexdigest())"; }
[ "$(vectors called)" = "$(vectors one)" ] || fail "a column called text gives other vectors"
# What is there is kept, and what is missing is made again.
cp -r one killed
rm killed/embedding/part-00001.h5 killed/kohort.h5
ranks 2 "${table[@]}" items.csv --resume --out killed
[ "$(digest killed)" = "$expected" ] || fail "another digest after going on"
# The same rows from two files, from the end to the beginning, and as the ids that `tokenize` gives.
ranks 2 "${table[@]}" first.csv --input second.csv --out two
ranks 3 "${table[@]}" reversed.csv --out reversed
ranks 1 tokenize --tokenizer model/model --input lines.txt --out ids.jsonl
ranks 2 "${encode[@]}" --input ids.jsonl --out ids
/usr/bin/python3 - <<'P'
import h5py, numpy
def vectors(run):
    with h5py.File(run + "/kohort.h5") as file: return file["/obsm/embedding"][:]
one = vectors("one")
assert one.shape == (1500, 32), one.shape
length = numpy.linalg.norm(one, axis=1)
assert length[3] == 0 and abs(numpy.delete(length, 3) - 1).max() < 1e-6
assert abs(one[700] - one[8]).max() < 1e-6 < abs(one[700] - one[9]).max()
assert (vectors("two") == one).all()
assert abs(vectors("reversed")[::-1] - one).max() < 1e-5
ids = vectors("ids")
whole = [i for i in range(1500) if i not in (3, 1499)]  # no text is two special tokens; a line break is a blank there
assert abs(ids[whole] - one[whole]).max() < 1e-5
P
# Models of other families, on the ids of the shared oracles: the mean that plain PyTorch computed, at any ranks.
oracles=${KOHORT_SHARED:-$KOHORT_SOURCE/../shared}/oracles
for family in gpt2 t5 t5_gated; do
  [ -d "$oracles/${family}_random" ] || continue
  for n in 1 3; do
    ranks "$n" encode --input "$oracles/${family}_random/expected.jsonl" --model "$oracles/${family}_random" --max-tokens 128 --precision fp32 \
      --threads "$n" --log-level warning --out "$family$n"
  done
  [ "$(digest "${family}1")" = "$(digest "${family}3")" ] || fail "$family gives another digest on 3 ranks"
  ranks 2 encode --input "$oracles/${family}_random/expected.jsonl" --model "$oracles/${family}_random" --max-tokens 128 --pooling last \
    --log-level warning --out "${family}_last"
  /usr/bin/python3 - "$family" "$oracles" <<'P'
import h5py, json, numpy, sys
family, oracles = sys.argv[1:]
expected = numpy.array([json.loads(line)["mean"] for line in open(f"{oracles}/{family}_random/expected.jsonl")])
with h5py.File(f"{family}1/kohort.h5") as file: vectors = file["/obsm/embedding"][:]
expected /= numpy.linalg.norm(expected, axis=1, keepdims=True)
assert vectors.shape == expected.shape and abs(vectors - expected).max() < 2e-5, abs(vectors - expected).max()
with h5py.File(f"{family}_last/kohort.h5") as file: assert abs(file["/obsm/embedding"][:] - expected).max() > 1e-3
P
done
refused() {  # CODE TEXT OPTIONS…
  local code=0
  rm -rf none
  ranks 2 "${encode[@]}" --out none "${@:3}" >/dev/null 2>said.txt || code=$?
  [ "$code" -eq "$1" ] || { cat said.txt; fail "exit $code and not $1 with: ${*:3}"; }
  [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line with: ${*:3}"; }
  grep -q -- "$2" said.txt || { cat said.txt; fail "it does not say \"$2\" with: ${*:3}"; }
}
refused 2 'id, title' --input items.csv
refused 2 'id, title' --input items.csv --text-column name
refused 3 nowhere.csv --input nowhere.csv --text-column title
printf '{"ids": [2, 9]}\n{"ids": [2, 999999]}\n' >far.jsonl
refused 3 'row 1 (the first is 0) has the token id 999999' --input far.jsonl
printf '{"ids": [2, 9]}\n{"ids": [-5]}\n' >negative.jsonl
refused 3 'row 1 (the first is 0): its "ids" are no list of token ids' --input negative.jsonl
printf '{"ids": [2, 9]}\n{"other": 1}\n{"ids": "two"}\n{"ids": [7]}\n' >odd.jsonl
refused 3 'row 1 ' --input odd.jsonl
ranks 2 "${encode[@]}" --input odd.jsonl --max-bad-fraction 0.5 --out odd
ranks 1 "${encode[@]}" --input odd.jsonl --text-column ids --max-bad-fraction 0.5 --out named
cmp odd/embedding/part-00000.h5 named/embedding/part-00000.h5 || fail "ids are something else where their column is named"
printf 'title\nfine\n\xff\xfe\xfd broken\nfine\n' >broken.csv
refused 3 "it is not in UTF-8" --input broken.csv --encoding utf-8
# The partitions are written by then: to go on with them must not make the rows good.
code=0
ranks 1 "${encode[@]}" --input broken.csv --encoding utf-8 --resume --out none >/dev/null 2>said.txt || code=$?
[ "$code" -eq 3 ] && grep -q 'row 1 (the first is 0): it is not in UTF-8' said.txt || { cat said.txt; fail "exit $code from going on with a refused table"; }
ranks 2 "${encode[@]}" --input broken.csv --encoding utf-8 --max-bad-fraction 0.5 --out tolerated
# What is for users is refused before a stage is begun, so that the folder is what it was; and a table does not go where users are.
for job in cluster segment; do
  code=0
  ranks 1 $job --out one >said.txt 2>&1 || code=$?
  [ "$code" -eq 2 ] && grep -q 'one holds no users, but vectors of a table' said.txt || { cat said.txt; fail "$job of a table's rows: exit $code"; }
done
[ "$(digest one)" = "$expected" ] || fail "a refused job changed the folder"
cp -r model users
code=0
ranks 2 "${table[@]}" items.csv --resume --out users >said.txt 2>&1 || code=$?
[ "$code" -eq 2 ] && grep -q 'users holds users' said.txt || { cat said.txt; fail "a table among users: exit $code"; }
code=0
ranks 1 segment --out users --tags items.csv >said.txt 2>&1 || code=$?
[ "$code" -eq 2 ] || { cat said.txt; fail "tags without names: exit $code"; }
[ "$(digest users)" = "$(digest model)" ] || fail "refused jobs changed the folder of users"
printf '{"title": "fine"}\n{"titel": "misspelt"}\n' >misspelt.jsonl
refused 3 'row 1 (the first is 0)' --input misspelt.jsonl --text-column title

# A folder of sentence-transformers brings its pooling and length along, and options go before these; `encode` of a run does as
# the model that was given to it says.
cp -r model/model sentence
mkdir sentence/1_Pooling
echo '[{"type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]' >sentence/modules.json
echo '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}' >sentence/1_Pooling/config.json
echo '{"max_seq_length": 9}' >sentence/sentence_bert_config.json
ranks 2 encode --model sentence --input items.csv --text-column title --out as_said >said.txt 2>&1
grep -q 'by the model in sentence: --pooling cls, --max-tokens 9' said.txt || { cat said.txt; fail "it does not say what the folder says"; }
grep -q 'encoding in fp32 on cpu$' said.txt || { cat said.txt; fail "it does not say how it encodes"; }
ranks 1 encode --model model/model --pooling cls --max-tokens 9 --input items.csv --text-column title --out as_named --log-level warning
ranks 1 encode --model sentence --pooling mean --input items.csv --text-column title --out otherwise --log-level warning
[ "$(vectors as_said)" = "$(vectors as_named)" ] || fail "a folder of sentence-transformers gives other vectors than options that say the same"
[ "$(vectors as_said)" != "$(vectors otherwise)" ] || fail "--pooling does not go before what the folder says"
for name in modules.json 1_Pooling/config.json sentence_bert_config.json; do cmp "sentence/$name" "as_said/model/$name" || fail "$name was not kept"; done
ranks 1 ingest --input corpus/events.csv --out tuned --log-level warning
ranks 2 finetune --out tuned --model sentence --pooling mean --steps 1 --batch 8 --log-level warning
grep -q '"pooling_mode_mean_tokens": true' tuned/model/1_Pooling/config.json || fail "a model trained with another pooling keeps the folder's"
ranks 1 encode --out tuned >said.txt 2>&1
grep -q 'by the model in tuned/model: --pooling mean, --max-tokens 9' said.txt || { cat said.txt; fail "the vectors are not pooled as the model was trained"; }
ranks 1 encode --model model/model --precision auto --input items.csv --text-column title --out chosen >said.txt 2>&1
grep -q 'encoding in .* on cpu, which --precision auto finds best for this machine$' said.txt || { cat said.txt; fail "it does not say what --precision auto chose"; }
ranks 1 encode --model model/model --precision auto --isa avx2 --input items.csv --text-column title --out level >said.txt 2>&1
grep -q 'encoding in fp32 on cpu, as --isa leaves no choice' said.txt || { cat said.txt; fail "it does not say why --precision auto is fp32"; }

code=0
ranks 1 "${encode[@]:0:1}" --input items.csv --text-column title --out none 2>said.txt || code=$?
[ "$code" -eq 2 ] && grep -q -- --model said.txt || { cat said.txt; fail "exit $code without a model"; }
no_leftovers .
