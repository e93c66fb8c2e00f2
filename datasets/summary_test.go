package datasets_test

import (
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/clips"
	"selfsup/datasets/filetest"
	"selfsup/datasets/images"
	"selfsup/datasets/sounds"
	"selfsup/datasets/tables"
	"selfsup/datasets/texts"
	"selfsup/internal/shared"
)

// Every kind of data says what it holds.
func TestRealSummaries(t *testing.T) {
	everything := func(string) bool { return true }
	table := tables.NewTable()
	table.Train, table.Test, table.Target = shared.Data(t, "tabular/adult_train.csv.gz"),
		shared.Data(t, "tabular/adult_test.csv.gz"), "income"
	wav := sounds.NewWAV()
	wav.Train = filepath.Join(filetest.Unpacked(t, "audio-fsdd-4spk/fsdd-4spk.tar.gz", everything), "fsdd-4spk")
	wav.FileName, wav.Label = `^\d_(?P<speaker>[a-z]+)`, "speaker"
	text := texts.NewText()
	text.Train, text.Label, text.Part = shared.Data(t, "text/sotu_chunks.csv.gz"), "party", "split"
	masks := images.NewSegments()
	masks.Root = filepath.Join(filetest.Unpacked(t, "masks-nuclei-128/nuclei-128.tar.gz", everything), "nuclei-128")
	clips := clips.NewClips()
	clips.Train = filepath.Join(filetest.Unpacked(t, "video-clips-64/video-clips-64.tar.gz", func(n string) bool {
		return strings.HasSuffix(n, ".jpg")
	}), "video-clips-64")
	captions := images.NewCaptions()
	captions.Train = filepath.Join(filetest.Unpacked(t, "captions-emoji-64/emoji-captions-64.tar.gz", everything),
		"emoji-captions-64", "captions.jsonl")
	for _, c := range []struct {
		name   string
		source datasets.Source
		want   []string
	}{
		{"table", table, []string{"train                  32561", "class >50K             7841 + 3846",
			"column age             number, mean 38.582, deviation 13.64", "column workclass       8 " +
				"categories, 1836 missing"}},
		{"wav", wav, []string{"train           800", "class theo      200 + 50", "coding          16-bit PCM",
			"rate            8000 samples a second"}},
		{"text", text, []string{"train             3860", "test              995", "length            280 to " +
			"600 characters, median 350"}},
		{"masks", masks, []string{"train          120", "test           30", "width          128 pixels",
			"channels       3"}},
		{"clips", clips, []string{"sequences            7, with 0 gaps", "width                64 pixels",
			"clip                 8 frames, every 1"}},
		{"captions", captions, []string{"train     1525", "test      381", "width     64 pixels"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := c.source.Open(datasets.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got := datasets.FormatSummary(o.Summary())
			for _, want := range c.want {
				if !strings.Contains(got, want+"\n") {
					t.Errorf("want %q in\n%s", want, got)
				}
			}
		})
	}
}
