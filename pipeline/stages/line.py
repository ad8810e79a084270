"""The stages in the order of the line. A new stage is a file beside this one and an entry here."""

from pipeline.stages.annotate import STAGE as ANNOTATE
from pipeline.stages.clean import STAGE as CLEAN
from pipeline.stages.collect import STAGE as COLLECT
from pipeline.stages.dedup import STAGE as DEDUP
from pipeline.stages.evaluate import STAGE as EVALUATE
from pipeline.stages.export import STAGE as EXPORT
from pipeline.stages.finetune import STAGE as FINETUNE
from pipeline.stages.pretrain import STAGE as PRETRAIN
from pipeline.stages.tokenize import STAGE as TOKENIZE
from pipeline.stages.vocab import STAGE as VOCAB

STAGES = (COLLECT, ANNOTATE, CLEAN, DEDUP, VOCAB, TOKENIZE, PRETRAIN, EVALUATE, FINETUNE, EXPORT)
